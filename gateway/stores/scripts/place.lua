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

local id, number, owner, name = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local epoch, state, place, at_ms = tonumber(ARGV[9]), ARGV[10], ARGV[12], ARGV[13]
local outcome, keep_ms, started = ARGV[14], tonumber(ARGV[15]), tonumber(ARGV[16])
local key = TASK .. id

if stale(epoch) then
  return {'stale'}
end
if redis.call('HEXISTS', key, 'gone') == 1 then
  return record(id)
end

local function take_name()
  if name == '' then
    return true
  end
  local name_key = NAME .. owner .. '\0' .. name
  local holder = redis.call('GET', name_key)
  local free = not holder or holder == id or holder == '#' .. number
    or redis.call('HEXISTS', TASK .. holder, 'gone') == 1
  if free and holder ~= id then
    redis.call('SET', name_key, id)
  end
  return free
end

if redis.call('HEXISTS', key, 'state') == 0 then
  -- Only a gateway can still refuse; what a runner found in the spool was accepted.
  if not take_name() and epoch < 0 then
    return {'named'}
  end
  redis.call('HSET', key, 'meta', ARGV[5], 'owner', owner, 'number', number, 'name', name,
    'created', ARGV[6], 'dialect', ARGV[7], 'expires', ARGV[8], 'state', state, 'version', 1)
  if started > 0 then
    redis.call('HSET', key, 'started', started)
  end
  if outcome ~= '' then
    redis.call('HSET', key, 'outcome', outcome)
  end
  if place == 'final' then
    redis.call('HSET', key, 'finished', at_ms)
  end
else
  take_name()
  change(id, state, ARGV[11], place, at_ms, outcome, keep_ms)
end

-- A task that has ended already keeps the life that its number has.
redis.call('SET', NUMBERED .. number, id, 'KEEPTTL')
redis.call('ZADD', TASKS, number, id)
redis.call('ZADD', OWNED .. owner, number, id)
if tonumber(ARGV[8]) > 0 then
  redis.call('ZADD', EXPIRY, ARGV[8], id)
end
redis.call('ZREM', RESERVED, number)
redis.call('ZREM', RESERVED .. owner, number)
if tonumber(number) > tonumber(redis.call('GET', NUMBER) or '0') then
  redis.call('SET', NUMBER, number)
end
if redis.call('HGET', key, 'state') == state then
  if ARGV[18] == '1' and place == 'wait' then
    redis.call('SREM', RUNNING .. owner, id)
  end
  settle(id, owner, number, place, keep_ms)
end
redis.call('PUBLISH', ARGV[17], id)
return record(id)
