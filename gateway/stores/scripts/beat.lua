#!lua flags=allow-oom
-- beat: the runner's sign of life.
-- writes READY (with a life), EPOCH, NUMBER (once)
-- ARGV   epoch, what this runner says of the index, life in ms, what it said before ('' to begin)
-- reply  {'ok'}, {'lost'} if it was said before and does not stand as it was left, or {'stale'}
-- include keys
-- include fence

if stale(tonumber(ARGV[1])) then
  return {'stale'}
end
-- Whoever takes away the word or the count of tasks may have taken anything.
if ARGV[4] ~= ''
  and (redis.call('GET', READY) ~= ARGV[4] or redis.call('EXISTS', NUMBER) == 0) then
  redis.call('DEL', READY)
  return {'lost'}
end
redis.call('SETNX', NUMBER, 0)
redis.call('SET', READY, ARGV[2], 'PX', ARGV[3])
return {'ok'}
