#!lua flags=allow-oom
-- update_field: what a runner learns of a task besides its state: progress, or that its log is complete.
-- writes TASK, EPOCH; notifies
-- ARGV   id, epoch, channel, field ('progress', only while the task is not final, or 'complete'),
--        value (of 'complete' the last line)
-- reply  a record or {'stale'}
-- include keys
-- include arguments
-- include fence
-- include lease_held
-- include record

local key = TASK .. id
if stale(tonumber(epoch)) then
  return {'stale'}
end
local found = redis.call('HMGET', key, 'state', 'finished', 'progress', 'complete')
if not found[1] then
  return record(id)
end
if field == 'complete' then
  redis.call('HSET', key, 'complete', 1, 'last', value)
  redis.call('PUBLISH', channel, id)
elseif not found[2] and found[3] ~= value then
  redis.call('HSET', key, 'progress', value)
  redis.call('HINCRBY', key, 'version', 1)
  redis.call('PUBLISH', channel, id)
end
return record(id)
