#!lua flags=no-writes
-- find_missing: which of some tasks the index does not hold wholly.
-- reads  TASK, NUMBERED, TASKS, OWNED, EXPIRY, WAITING, FAIR, RUNNING
-- ARGV   ended ('1' if they have), ids...
-- reply  the ids of those that have no record or not all ways to it, and of ended ones those that
--        are not final with their complete log; a tombstone is wholly there
-- include keys
-- include arguments

local final = ended == '1'

local function in_place(id, state, owner)
  if state == 'accepted' or state == 'queued' then
    return redis.call('SISMEMBER', RUNNING .. owner, id) == 1
      or (redis.call('ZSCORE', WAITING, id) and redis.call('ZSCORE', WAITING .. owner, id)
        and redis.call('ZSCORE', FAIR, owner))
  elseif state == 'starting' or state == 'running' then
    return redis.call('SISMEMBER', RUNNING .. owner, id) == 1
  end
  return true
end

local function known(id)
  local found = redis.call('HMGET', TASK .. id, 'gone', 'state', 'number', 'owner', 'expires',
    'finished', 'complete', 'node')
  if found[1] then
    return true
  end
  -- It is from before this node was one of several, or came to another name.
  if NODE_NAME ~= '' and found[8] ~= NODE_NAME then
    return false
  end
  local number, owner = found[3], found[4]
  if not (found[2] and number and owner) or (final and not (found[6] and found[7])) then
    return false
  end
  return redis.call('ZSCORE', TASKS, id)
    and redis.call('ZSCORE', OWNED .. owner, id)
    and redis.call('EXISTS', NUMBERED .. number) == 1
    and (tonumber(found[5] or '0') == 0 or redis.call('ZSCORE', EXPIRY, id))
    and in_place(id, found[2], owner)
end

local missing = {}
for at = ids_at, #ARGV do
  if not known(ARGV[at]) then
    missing[#missing + 1] = ARGV[at]
  end
end
return missing
