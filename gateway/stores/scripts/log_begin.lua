#!lua flags=allow-oom
-- log_begin: lets the window of a log begin after a line.
-- writes LOG_MARK (with a life), LOG and LOG_SIZES (ended), EPOCH; rings the bell
-- ARGV   id, epoch, last line before the window, life in ms,
--        '1' to move the window of a log that has begun on to there, bell
-- reply  {'ok'} or {'stale'}; a log that has come as far is left as it is
-- include keys
-- include fence

if stale(tonumber(ARGV[2])) then
  return {'stale'}
end
local id, before = ARGV[1], tonumber(ARGV[3])
local mark = LOG_MARK .. id
local found = redis.call('HMGET', mark, 'last', 'more')
local last = tonumber(found[1] or '-1')
if not found[1] or (ARGV[5] == '1' and (before > last or (before == last and found[2] == '1'))) then
  redis.call('UNLINK', LOG .. id, LOG_SIZES .. id)
  redis.call('HSET', mark, 'last', ARGV[3], 'part', 0, 'more', 0, 'bytes', 0,
    'first', string.format('%.0f', before + 1), 'first_part', 0)
  redis.call('PEXPIRE', mark, ARGV[4])
  redis.call('PUBLISH', ARGV[6], id)
end
return {'ok'}
