#!lua flags=allow-oom
-- claim: moves a task from the waiting to the running ones and lets its owner's time go on.
-- writes WAITING, RUNNING, FAIR, VIRTUAL, EPOCH
-- ARGV   id, owner, virtual_time (of the owner from now on), epoch
-- reply  {'taken'}, {'missing'} if it does not wait, or {'stale'}
-- include keys
-- include arguments
-- include fence
-- include queue

if stale(tonumber(epoch)) then
  return {'stale'}
end
local before = redis.call('ZSCORE', FAIR, owner)
if dequeue(id, owner) == 0 then
  return {'missing'}
end
redis.call('SADD', RUNNING .. owner, id)
redis.call('HSET', VIRTUAL, owner, virtual_time)
-- The clock of the queue is where the owner served last stood: start-time fair queueing.
local clock = tonumber(redis.call('HGET', VIRTUAL, '') or '0')
if before and tonumber(before) > clock then
  redis.call('HSET', VIRTUAL, '', before)
end
if redis.call('EXISTS', WAITING .. owner) == 1 then
  redis.call('ZADD', FAIR, virtual_time, owner)
end
return {'taken'}
