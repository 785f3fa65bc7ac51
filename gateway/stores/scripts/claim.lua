#!lua flags=allow-oom
-- claim: moves tasks from the waiting to the running ones and lets their owners' time go on.
-- writes WAITING, RUNNING, FAIR, VIRTUAL, EPOCH
-- ARGV   epoch, tasks... (of each id, owner, the virtual time of the owner from then on)
-- reply  of each 'taken', or 'missing' if it does not wait; or {'stale'}
-- include keys
-- include arguments
-- include fence
-- include queue

if stale(tonumber(epoch)) then
  return {'stale'}
end

local function claim(id, owner, virtual_time)
  local before = redis.call('ZSCORE', FAIR, owner)
  if dequeue(id, owner) == 0 then
    return 'missing'
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
  return 'taken'
end

local answers = {}
for at = tasks_at, #ARGV, 3 do
  answers[#answers + 1] = claim(ARGV[at], ARGV[at + 1], ARGV[at + 2])
end
return answers
