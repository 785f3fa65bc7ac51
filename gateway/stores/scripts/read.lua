#!lua flags=no-writes
-- read: what is known of a task by one of its names.
-- reads  NUMBERED, TASKS or NAME; TASK; LOG_MARK; READY; RESERVED of all
-- ARGV   'id', id  or  'number', number  or  'name', owner, name
-- reply  {'task', ...}, {'gone', id, owner, number}, {'none'}, or {'unready'} if the index may lack it
-- include keys
-- include vouched
-- include record

local id = ARGV[2]
if ARGV[1] == 'number' then
  id = redis.call('GET', NUMBERED .. ARGV[2])
    or redis.call('ZRANGEBYSCORE', TASKS, ARGV[2], ARGV[2], 'LIMIT', 0, 1)[1]
  -- The number was given out and its task is still on its way here: it may have been promised.
  if not id and redis.call('ZSCORE', RESERVED, ARGV[2]) then
    return {'unready'}
  end
elseif ARGV[1] == 'name' then
  id = redis.call('GET', NAME .. ARGV[2] .. '\0' .. ARGV[3])
end
-- A name that leads to a task without a record: the record was lost, and the task never denied.
if id and ARGV[1] ~= 'id' and redis.call('EXISTS', TASK .. id) == 0
  and string.sub(id, 1, 1) ~= '#' then
  return {'unready'}
end
return record(id or '')
