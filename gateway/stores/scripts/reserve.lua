#!lua
-- reserve: gives the next number away if the runner is well and the queue has room.
-- reads  READY; WAITING, WANTING and HELD by owner and of all; RESERVED by owner and of all; NAME;
--        TASK gone
-- writes NUMBER; RESERVED by owner and of all (life: the reservation's); NAME (the same life)
-- ARGV   owner, per_user (limit), total (limit, 0: none), name, life (of the reservation in ms)
-- reply  {'number', n} or {'unready'} or {'full', whose, limit} or {'named'}
-- include keys
-- include arguments
-- include lease_held

per_user, total, life = tonumber(per_user), tonumber(total), tonumber(life)

-- Without the count a number would be given twice; the runner notices and finds it out again.
if not lease_held() or redis.call('EXISTS', NUMBER) == 0 then
  return {'unready'}
end

-- Redis's own clock: a reservation is a lease inside Redis, as a time to live is.
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)

local function full(whose, limit)
  redis.call('ZREMRANGEBYSCORE', RESERVED .. whose, '-inf', now)
  local used = redis.call('ZCARD', WAITING .. whose) + redis.call('ZCARD', WANTING .. whose)
    + redis.call('ZCARD', RESERVED .. whose) + redis.call('ZCARD', HELD .. whose)
  return limit > 0 and used >= limit
end

if full('', total) then
  return {'full', '', total}
elseif full(owner, per_user) then
  return {'full', owner, per_user}
end

local name_key = NAME .. owner .. '\0' .. name
if name ~= '' then
  local holder = redis.call('GET', name_key)
  if holder and redis.call('HEXISTS', TASK .. holder, 'gone') == 0 then
    return {'named'}
  end
end

local number = redis.call('INCR', NUMBER)
if name ~= '' then
  redis.call('SET', name_key, '#' .. number, 'PX', life)
end
for _, whose in ipairs({'', owner}) do
  redis.call('ZADD', RESERVED .. whose, now + life, number)
  redis.call('PEXPIRE', RESERVED .. whose, life)
end
return {'number', number}
