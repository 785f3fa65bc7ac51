#!lua flags=allow-oom
-- advance: moves a task to another state if that is legal; a full Redis can still learn it.
-- writes TASK (final: with a life), EPOCH, WAITING, RUNNING, FAIR; rings the bell
-- ARGV   id, epoch (-1: not a runner), state, sources, place, at_ms, outcome, keep_ms, bell
-- reply  a record, changed or not, or {'stale'}
-- include keys
-- include fence
-- include vouched
-- include record
-- include queue
-- include change

local id = ARGV[1]
if stale(tonumber(ARGV[2])) then
  return {'stale'}
end
if change(id, ARGV[3], ARGV[4], ARGV[5], ARGV[6], ARGV[7], tonumber(ARGV[8])) then
  redis.call('PUBLISH', ARGV[9], id)
end
return record(id)
