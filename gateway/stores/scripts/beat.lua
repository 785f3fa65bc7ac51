#!lua flags=allow-oom
-- beat: the runner's sign of life.
-- writes READY (with a life), EPOCH
-- ARGV   epoch, value of this runner and server, life in ms, '1' to begin, '0' to go on
-- reply  {'ok'}, {'lost'} if going on and the key is not as it was left, or {'stale'}
-- include keys
-- include fence

if stale(tonumber(ARGV[1])) then
  return {'stale'}
end
if ARGV[4] == '0' and redis.call('GET', READY) ~= ARGV[2] then
  redis.call('DEL', READY)
  return {'lost'}
end
redis.call('SET', READY, ARGV[2], 'PX', ARGV[3])
return {'ok'}
