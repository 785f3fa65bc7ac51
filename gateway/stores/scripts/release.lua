#!lua flags=allow-oom
-- release: a task that was taken does not run any more.
-- writes RUNNING, EPOCH
-- ARGV   id, owner, epoch
-- reply  {'ok'} or {'stale'}
-- include keys
-- include arguments
-- include fence

if stale(tonumber(epoch)) then
  return {'stale'}
end
redis.call('SREM', RUNNING .. owner, id)
return {'ok'}
