-- Gives a task its name unless another task has it; whether it has it now, or needs none.
local function take_name(id, number, owner, name)
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

-- Makes the record of a task that has none; started 0 and finished '' for what did not happen.
local function create(id, number, owner, name, meta, created, dialect, expires, state, outcome,
    started, finished, demand)
  local key = TASK .. id
  redis.call('HSET', key, 'meta', meta, 'owner', owner, 'number', number, 'name', name,
    'created', created, 'dialect', dialect, 'expires', expires, 'state', state, 'version', 1)
  if demand and demand ~= '' then
    redis.call('HSET', key, 'demand', demand)
  end
  if tonumber(started) > 0 then
    redis.call('HSET', key, 'started', started)
  end
  if outcome ~= '' then
    redis.call('HSET', key, 'outcome', outcome)
  end
  if finished ~= '' then
    redis.call('HSET', key, 'finished', finished)
  end
end

-- Puts a task on the lists by which it is found; its number is no longer one that was only reserved.
local function enlist(id, number, owner, expires)
  -- A task that has ended already keeps the life that its number has.
  redis.call('SET', NUMBERED .. number, id, 'KEEPTTL')
  redis.call('ZADD', TASKS, number, id)
  redis.call('ZADD', OWNED .. owner, number, id)
  if tonumber(expires) > 0 then
    redis.call('ZADD', EXPIRY, expires, id)
  end
  redis.call('ZREM', RESERVED, number)
  redis.call('ZREM', RESERVED .. owner, number)
  if tonumber(number) > tonumber(redis.call('GET', NUMBER) or '0') then
    redis.call('SET', NUMBER, number)
  end
end
