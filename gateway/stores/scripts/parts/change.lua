-- Moves a task to a state if its present one is among the sources (a text ',a,b,'). Counts the
-- version and notifies only if something changed.
local function change(id, state, sources, place, at_ms, outcome, keep_ms)
  local key = TASK .. id
  local found = redis.call('HMGET', key, 'state', 'owner', 'number', 'started')
  if not found[1] or not string.find(sources, ',' .. found[1] .. ',', 1, true) then
    return false
  end
  redis.call('HSET', key, 'state', state)
  redis.call('HINCRBY', key, 'version', 1)
  if state == 'running' and not found[4] then
    redis.call('HSET', key, 'started', at_ms)
  end
  if outcome ~= '' then
    redis.call('HSET', key, 'outcome', outcome)
  end
  if place == 'final' then
    redis.call('HSET', key, 'finished', at_ms)
  end
  if place == 'wait' then
    redis.call('SREM', RUNNING .. found[2], id)
  end
  settle(id, found[2], found[3], place, keep_ms)
  return true
end
