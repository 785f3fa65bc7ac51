#!lua
-- upsert_task: makes the index of a task agree with its spec and a state. Creates the record if there is
-- none; else moves it there if that is a legal change. Repeating it changes nothing.
-- writes TASK, NUMBERED, NAME, TASKS, OWNED, EXPIRY, RESERVED, NUMBER (never down), EPOCH,
--        WAITING, WANTING, RUNNING, FAIR; notifies
-- ARGV   id, number, owner, name, meta, created, dialect, expires, epoch (-1: not a runner),
--        state, sources, place, at_ms, outcome, keep_ms, started, channel,
--        requeue ('1' if a taken task goes back to the queue), demand (what it needs besides a slot)
-- reply  a record, or {'stale'}, or {'named'} if another task has the name
-- include keys
-- include arguments
-- include fence
-- include lease_held
-- include record
-- include queue
-- include change
-- include enlist

epoch, keep_ms = tonumber(epoch), tonumber(keep_ms)
local key = TASK .. id

if stale(epoch) then
  return {'stale'}
end
if redis.call('HEXISTS', key, 'gone') == 1 then
  return record(id)
end

if redis.call('HEXISTS', key, 'state') == 0 then
  -- Only a gateway can still refuse; what a runner found in the spool was accepted.
  if not take_name(id, number, owner, name) and epoch < 0 then
    return {'named'}
  end
  create(id, number, owner, name, meta, created, dialect, expires, state, outcome, started,
    place == 'final' and at_ms or '', demand)
else
  take_name(id, number, owner, name)
  change(id, state, sources, place, at_ms, outcome, keep_ms)
end

if NODE_NAME ~= '' then
  redis.call('HSET', key, 'node', NODE_NAME)
end
enlist(id, number, owner, expires)
if redis.call('HGET', key, 'state') == state then
  if requeue == '1' and place == 'wait' then
    redis.call('SREM', RUNNING .. owner, id)
  end
  settle(id, owner, number, place, keep_ms)
end
redis.call('PUBLISH', channel, id)
return record(id)
