#!lua flags=no-writes
-- absent: which of some ended tasks the index does not hold wholly.
-- reads  TASK, NUMBERED, TASKS, OWNED, EXPIRY
-- ARGV   ids
-- reply  the ids of those that are not there, not final, without their complete log or without one
--        of the ways to them; a tombstone is wholly there
-- include keys

local function known(id)
  local found = redis.call('HMGET', TASK .. id, 'gone', 'finished', 'complete', 'number', 'owner',
    'expires')
  if found[1] then
    return true
  end
  return found[2] and found[3] and found[4] and found[5]
    and redis.call('ZSCORE', TASKS, id)
    and redis.call('ZSCORE', OWNED .. found[5], id)
    and redis.call('EXISTS', NUMBERED .. found[4]) == 1
    and (tonumber(found[6] or '0') == 0 or redis.call('ZSCORE', EXPIRY, id))
end

local missing = {}
for _, id in ipairs(ARGV) do
  if not known(id) then
    missing[#missing + 1] = id
  end
end
return missing
