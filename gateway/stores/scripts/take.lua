#!lua flags=allow-oom
-- take: moves a task from the waiting to the running ones and lets its owner's time go on.
-- writes WAITING, RUNNING, FAIR, VIRTUAL, EPOCH
-- ARGV   id, owner, virtual time of the owner from now on, epoch
-- reply  {'taken'}, {'missing'} if it does not wait, or {'stale'}
-- include keys
-- include fence
-- include queue

local id, owner = ARGV[1], ARGV[2]
if stale(tonumber(ARGV[4])) then
  return {'stale'}
end
local before = redis.call('ZSCORE', FAIR, owner)
if dequeue(id, owner) == 0 then
  return {'missing'}
end
redis.call('SADD', RUNNING .. owner, id)
redis.call('HSET', VIRTUAL, owner, ARGV[3])
-- The clock of the queue is where the owner served last stood: start-time fair queueing.
local clock = tonumber(redis.call('HGET', VIRTUAL, '') or '0')
if before and tonumber(before) > clock then
  redis.call('HSET', VIRTUAL, '', before)
end
if redis.call('EXISTS', WAITING .. owner) == 1 then
  redis.call('ZADD', FAIR, ARGV[3], owner)
end
return {'taken'}
