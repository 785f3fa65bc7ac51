#!lua flags=allow-oom
-- advance: moves a task to another state if that is legal; a full Redis can still learn it.
-- writes TASK (final: with a life), EPOCH, WAITING, RUNNING, FAIR; notifies
-- ARGV   id, epoch (-1: not a runner), state, sources, place, at_ms, outcome, keep_ms, channel
-- reply  a record, changed or not, or {'stale'}
-- include keys
-- include arguments
-- include fence
-- include lease_held
-- include record
-- include queue
-- include change

if stale(tonumber(epoch)) then
  return {'stale'}
end
if change(id, state, sources, place, at_ms, outcome, tonumber(keep_ms)) then
  redis.call('PUBLISH', channel, id)
end
return record(id)
