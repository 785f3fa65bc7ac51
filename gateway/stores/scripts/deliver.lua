#!lua flags=allow-oom
-- deliver: one socket at a time is told a task's log.
-- writes LEASE, DELIVERY (a life each)
-- ARGV   id, socket, 'take' | 'mark' | 'leave', life of the lease in ms, cursor, life of it in ms
-- reply  {'ok', cursor or nothing} or {'busy'} if another socket has the lease
-- include keys

local lease, place = LEASE .. ARGV[1], DELIVERY .. ARGV[1]
local holder = redis.call('GET', lease)
local ours = holder == ARGV[2]
if holder and not ours then
  return {'busy'}
end
if ARGV[3] == 'leave' then
  if ours then
    redis.call('DEL', lease)
  end
elseif ARGV[3] == 'take' then
  redis.call('SET', lease, ARGV[2], 'PX', ARGV[4])
elseif not ours then
  -- The lease ran out while nobody else came: what was told meanwhile still counts.
  redis.call('SET', lease, ARGV[2], 'PX', ARGV[4])
  redis.call('SET', place, ARGV[5], 'PX', ARGV[6])
else
  redis.call('PEXPIRE', lease, ARGV[4])
  redis.call('SET', place, ARGV[5], 'PX', ARGV[6])
end
return {'ok', redis.call('GET', place)}
