#!lua flags=allow-oom
-- note: what a runner learns of a task besides its state: progress, or that its log is complete.
-- writes TASK, EPOCH; rings the bell
-- ARGV   id, epoch, bell, 'progress', value      (only while the task is not final)
--        id, epoch, bell, 'complete', last line
-- reply  a record or {'stale'}
-- include keys
-- include fence
-- include vouched
-- include record

local id = ARGV[1]
local key = TASK .. id
if stale(tonumber(ARGV[2])) then
  return {'stale'}
end
local found = redis.call('HMGET', key, 'state', 'finished', 'progress', 'complete')
if not found[1] then
  return record(id)
end
if ARGV[4] == 'complete' then
  redis.call('HSET', key, 'complete', 1, 'last', ARGV[5])
  redis.call('PUBLISH', ARGV[3], id)
elseif not found[2] and found[3] ~= ARGV[5] then
  redis.call('HSET', key, 'progress', ARGV[5])
  redis.call('HINCRBY', key, 'version', 1)
  redis.call('PUBLISH', ARGV[3], id)
end
return record(id)
