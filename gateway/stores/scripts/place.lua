#!lua
-- place: makes the index of a task agree with its spec and a state. Creates the record if there is
-- none; else moves it there if that is a legal change. Repeating it changes nothing.
-- writes TASK, NUMBERED, NAME, TASKS, OWNED, EXPIRY, RESERVED, NUMBER (never down), EPOCH,
--        WAITING, RUNNING, FAIR; rings the bell
-- ARGV   id, number, owner, name, meta, created, dialect, expires, epoch (-1: not a runner),
--        state, sources, place, at_ms, outcome, keep_ms, started_ms, bell,
--        '1' if a taken task goes back to the queue
-- reply  a record, or {'stale'}, or {'named'} if another task has the name
-- include keys
-- include fence
-- include vouched
-- include record
-- include queue
-- include change
-- include enlist

local id, number, owner, name = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local epoch, state, place, at_ms = tonumber(ARGV[9]), ARGV[10], ARGV[12], ARGV[13]
local outcome, keep_ms = ARGV[14], tonumber(ARGV[15])
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
  create(id, number, owner, name, ARGV[5], ARGV[6], ARGV[7], ARGV[8], state, outcome, ARGV[16],
    place == 'final' and at_ms or '')
else
  take_name(id, number, owner, name)
  change(id, state, ARGV[11], place, at_ms, outcome, keep_ms)
end

enlist(id, number, owner, ARGV[8])
if redis.call('HGET', key, 'state') == state then
  if ARGV[18] == '1' and place == 'wait' then
    redis.call('SREM', RUNNING .. owner, id)
  end
  settle(id, owner, number, place, keep_ms)
end
redis.call('PUBLISH', ARGV[17], id)
return record(id)
