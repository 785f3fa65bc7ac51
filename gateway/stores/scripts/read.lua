#!lua flags=no-writes
-- read: what is known of a task by one of its names.
-- reads  NUMBERED, TASKS or NAME; TASK; LOG_MARK; READY; RESERVED of all, of every node; NODES
-- ARGV   by ('id', 'number' or 'name'), value, owner (of a name)
-- reply  {'task', ...}, {'gone', id, owner, number}, {'none'}, or {'unready'} if the index may lack it
-- include keys
-- include arguments
-- include lease_held
-- include record

local id = value
if by == 'number' then
  id = redis.call('GET', NUMBERED .. value)
    or redis.call('ZRANGEBYSCORE', TASKS, value, value, 'LIMIT', 0, 1)[1]
  -- The number was given out and its task is still on its way here: it may have been promised.
  if not id and redis.call('ZSCORE', RESERVED, value) then
    return {'unready'}
  end
  for _, node in ipairs(NODES and not id and redis.call('HKEYS', NODES) or {}) do
    if redis.call('ZSCORE', at_node(RESERVED, node), value) then
      return {'unready'}
    end
  end
elseif by == 'name' then
  id = redis.call('GET', NAME .. owner .. '\0' .. value)
end
-- A name that leads to a task without a record: the record was lost, and the task never denied.
if id and by ~= 'id' and redis.call('EXISTS', TASK .. id) == 0
  and string.sub(id, 1, 1) ~= '#' then
  return {'unready'}
end
return record(id or '')
