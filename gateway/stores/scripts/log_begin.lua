#!lua flags=allow-oom
-- log_begin: lets the window of a log that Redis knows nothing of begin after a line.
-- writes LOG_MARK (with a life), EPOCH
-- ARGV   id, epoch, last line before the window, life in ms
-- reply  {'ok'} or {'stale'}; a log that has begun is left as it is
-- include keys
-- include fence

if stale(tonumber(ARGV[2])) then
  return {'stale'}
end
local mark = LOG_MARK .. ARGV[1]
if redis.call('EXISTS', mark) == 0 then
  redis.call('HSET', mark, 'last', ARGV[3], 'part', 0, 'more', 0, 'bytes', 0,
    'first', string.format('%.0f', tonumber(ARGV[3]) + 1), 'first_part', 0)
  redis.call('PEXPIRE', mark, ARGV[4])
end
return {'ok'}
