#!lua flags=allow-oom
-- heartbeat: the runner's sign of life.
-- writes READY (with a life), EPOCH, NUMBER (once), BEATS of one of several nodes
-- ARGV   epoch, word (what this runner says of the index), life (in ms), before (what it said
--        before, '' to begin)
-- reply  {'ok'}, {'lost'} if it was said before and does not stand as it was left, or {'stale'}
-- include keys
-- include arguments
-- include fence

if stale(tonumber(epoch)) then
  return {'stale'}
end
-- Whoever takes away the word or the count of tasks may have taken anything.
if before ~= ''
  and (redis.call('GET', READY) ~= before or redis.call('EXISTS', NUMBER) == 0) then
  redis.call('DEL', READY)
  return {'lost'}
end
redis.call('SETNX', NUMBER, 0)
redis.call('SET', READY, word, 'PX', life)
if NODE_NAME ~= '' then
  local time = redis.call('TIME')
  redis.call('HSET', BEATS, NODE_NAME, time[1] .. string.format('%03d', math.floor(time[2] / 1000)))
end
return {'ok'}
