#!lua flags=allow-oom
-- release: a task that was taken does not run any more.
-- writes RUNNING, EPOCH
-- ARGV   id, owner, epoch
-- reply  {'ok'} or {'stale'}
-- include keys
-- include fence

if stale(tonumber(ARGV[3])) then
  return {'stale'}
end
redis.call('SREM', RUNNING .. ARGV[2], ARGV[1])
return {'ok'}
