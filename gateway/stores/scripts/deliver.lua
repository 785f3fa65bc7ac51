#!lua flags=allow-oom
-- deliver: one socket at a time is told a task's log.
-- writes LEASE, DELIVERY (a life each)
-- ARGV   id, socket, action ('take', 'mark' or 'leave'), lease_life (in ms), cursor (that of 'take'
--        counts if none is known, that of 'leave' unless it is empty), cursor_life (in ms)
-- reply  {'ok', cursor or nothing} or {'busy'} if another socket has the lease
-- include keys
-- include arguments

local lease, place = LEASE .. id, DELIVERY .. id
local holder = redis.call('GET', lease)
local ours = holder == socket
if holder and not ours then
  return {'busy'}
end
if action == 'leave' then
  if ours then
    redis.call('DEL', lease)
  end
  if cursor ~= '' then
    redis.call('SET', place, cursor, 'PX', cursor_life)
  end
elseif action == 'take' then
  redis.call('SET', lease, socket, 'PX', lease_life)
  if not redis.call('SET', place, cursor, 'PX', cursor_life, 'NX') then
    redis.call('PEXPIRE', place, cursor_life)
  end
elseif not ours then
  -- The lease ran out while nobody else came: what was told meanwhile still counts.
  redis.call('SET', lease, socket, 'PX', lease_life)
  redis.call('SET', place, cursor, 'PX', cursor_life)
else
  redis.call('PEXPIRE', lease, lease_life)
  redis.call('SET', place, cursor, 'PX', cursor_life)
end
return {'ok', redis.call('GET', place)}
