#!lua
-- revive: brings ended tasks back that the index lost, or still has as live. Many at once, each as
-- place and note would do it. Repeating it changes nothing.
-- writes TASK, NUMBERED, NAME, TASKS, OWNED, EXPIRY, RESERVED, NUMBER (never down), EPOCH,
--        WAITING, RUNNING, FAIR; notifies of those that the index had as live
-- ARGV   epoch, keep_ms, channel, killed_sources, tasks... (of each id, number, owner, name, meta,
--        created, dialect, expires, state, sources, at_ms, outcome, started_ms, last line)
-- reply  {'ok'} or {'stale'}
-- include keys
-- include arguments
-- include fence
-- include queue
-- include change
-- include enlist

keep_ms = tonumber(keep_ms)
if stale(tonumber(epoch)) then
  return {'stale'}
end

local function revive(id, number, owner, name, meta, created, dialect, expires, state, sources,
    at_ms, outcome, started, last)
  local key = TASK .. id
  local found = redis.call('HMGET', key, 'gone', 'state', 'finished')
  if found[1] then
    return
  end
  take_name(id, number, owner, name)
  redis.call('HSET', key, 'complete', 1, 'last', last)
  if not found[2] then
    create(id, number, owner, name, meta, created, dialect, expires, state, outcome, started, at_ms)
  elseif not found[3] then
    if not change(id, state, sources, 'final', at_ms, outcome, keep_ms) then
      -- A kill was shown after the end was on record: it was promised, so it is kept.
      change(id, 'killed', killed_sources, 'final', at_ms, outcome, keep_ms)
    end
    redis.call('PUBLISH', channel, id)
  end
  if NODE_NAME ~= '' then
    redis.call('HSET', key, 'node', NODE_NAME)
  end
  enlist(id, number, owner, expires)
  settle(id, owner, number, 'final', keep_ms)
end

for at = tasks_at, #ARGV, 14 do
  revive(unpack(ARGV, at, at + 13))
end
return {'ok'}
