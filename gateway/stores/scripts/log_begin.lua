#!lua flags=allow-oom
-- log_begin: lets the window of a log begin after a line.
-- writes LOG_MARK (with a life), LOG and LOG_SIZES (ended), EPOCH; notifies
-- ARGV   id, epoch, before (last line before the window), life (in ms), anew ('1' to move the window
--        of a log that has begun on to there), channel
-- reply  {'ok'} or {'stale'}; a log that has come as far is left as it is
-- include keys
-- include arguments
-- include fence

if stale(tonumber(epoch)) then
  return {'stale'}
end
local line = tonumber(before)
local mark = LOG_MARK .. id
local found = redis.call('HMGET', mark, 'last', 'more')
local last = tonumber(found[1] or '-1')
if not found[1] or (anew == '1' and (line > last or (line == last and found[2] == '1'))) then
  redis.call('UNLINK', LOG .. id, LOG_SIZES .. id)
  redis.call('HSET', mark, 'last', before, 'part', 0, 'more', 0, 'bytes', 0,
    'first', string.format('%.0f', line + 1), 'first_part', 0)
  redis.call('PEXPIRE', mark, life)
  redis.call('PUBLISH', channel, id)
end
return {'ok'}
