-- Takes a task out of the waiting ones; an owner without any is no longer in turn.
local function dequeue(id, owner)
  redis.call('ZREM', WAITING .. owner, id)
  local was = redis.call('ZREM', WAITING, id)
  if was == 0 then
    redis.call('ZREM', WANTING .. owner, id)
    was = redis.call('ZREM', WANTING, id)
  end
  if redis.call('EXISTS', WAITING .. owner) == 0 then
    redis.call('ZREM', FAIR, owner)
  end
  return was
end

-- Puts a task among the waiting ones. An owner who comes anew starts at the queue's clock, so that
-- having been away is no claim. One that asks for more than a slot waits in a line of its own.
local function enqueue(id, owner, number)
  if redis.call('HEXISTS', TASK .. id, 'demand') == 1 then
    redis.call('ZADD', WANTING .. owner, number, id)
    redis.call('ZADD', WANTING, number, id)
    return
  end
  redis.call('ZADD', WAITING .. owner, number, id)
  redis.call('ZADD', WAITING, number, id)
  if not redis.call('ZSCORE', FAIR, owner) then
    local own = tonumber(redis.call('HGET', VIRTUAL, owner) or '0')
    local clock = tonumber(redis.call('HGET', VIRTUAL, '') or '0')
    redis.call('ZADD', FAIR, math.max(own, clock), owner)
  end
end

-- When the record of an ended task goes by itself: some time after the runner should have buried it.
-- By a clock that jumped ahead that may be long over, and then it stays for an hour at least.
local function life_end(expires, keep_ms)
  local now = tonumber(redis.call('TIME')[1]) * 1000
  return math.max(expires + keep_ms, now + 3600000)
end

-- Brings queue, running set and life of a task in line with the place of its state: wait, run,
-- stay (wherever it is), out (held, in no queue) or final.
local function settle(id, owner, number, place, keep_ms)
  if place == 'out' then
    redis.call('ZADD', HELD .. owner, number, id)
    redis.call('ZADD', HELD, number, id)
  elseif redis.call('ZREM', HELD, id) == 1 then
    redis.call('ZREM', HELD .. owner, id)
  end
  if place == 'wait' then
    if redis.call('SISMEMBER', RUNNING .. owner, id) == 0 then
      enqueue(id, owner, number)
    end
  elseif place == 'run' then
    dequeue(id, owner)
    redis.call('SADD', RUNNING .. owner, id)
  elseif place == 'stay' then
    if not redis.call('ZSCORE', WAITING, id) and not redis.call('ZSCORE', WANTING, id) then
      redis.call('SADD', RUNNING .. owner, id)
    end
  else
    dequeue(id, owner)
    redis.call('SREM', RUNNING .. owner, id)
  end
  if place ~= 'final' then
    return
  end
  local found = redis.call('HMGET', TASK .. id, 'expires', 'name')
  local expires = tonumber(found[1] or '0')
  if expires > 0 then
    local life = life_end(expires, keep_ms)
    redis.call('PEXPIREAT', TASK .. id, life)
    redis.call('PEXPIREAT', NUMBERED .. number, life)
    local name = NAME .. owner .. '\0' .. (found[2] or '')
    if found[2] ~= '' and redis.call('GET', name) == id then
      redis.call('PEXPIREAT', name, life)
    end
  end
end
