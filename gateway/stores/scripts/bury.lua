#!lua flags=allow-oom
-- bury: takes a task out of the index with all that hangs on it; leaves a tombstone or nothing.
-- writes TASK (the tombstone, with a life), NUMBERED, NAME, TASKS, OWNED, EXPIRY, WAITING, RUNNING,
--        FAIR, EPOCH, LOG, LOG_MARK, LOG_SIZES, DELIVERY, LEASE; notifies
-- ARGV   id, epoch, until_ms, forget ('1' to leave nothing), channel,
--        owner, number, name (of a task that the index may have lost; owner '' if it is not to be
--        made up for)
-- reply  {'ok'} or {'stale'}
-- include keys
-- include arguments
-- include fence
-- include queue

local key = TASK .. id
if stale(tonumber(epoch)) then
  return {'stale'}
end
local found = redis.call('HMGET', key, 'owner', 'number', 'name', 'gone')
redis.call('ZREM', TASKS, id)
redis.call('ZREM', EXPIRY, id)
redis.call('UNLINK', LOG .. id, LOG_MARK .. id, LOG_SIZES .. id, DELIVERY .. id, LEASE .. id)
if not found[1] and owner ~= '' then
  found = {owner, number, name}
end
if found[1] then
  local owner, number, name = found[1], found[2], NAME .. found[1] .. '\0' .. (found[3] or '')
  local named = found[3] ~= '' and redis.call('GET', name) == id
  redis.call('ZREM', OWNED .. owner, id)
  dequeue(id, owner)
  redis.call('SREM', RUNNING .. owner, id)
  redis.call('DEL', key)
  if forget == '1' then
    redis.call('DEL', NUMBERED .. number)
    if named then
      redis.call('DEL', name)
    end
  else
    redis.call('HSET', key, 'gone', 1, 'owner', owner, 'number', number, 'name', found[3] or '')
    redis.call('PEXPIREAT', key, until_ms)
    redis.call('SET', NUMBERED .. number, id, 'PXAT', until_ms)
    if named then
      redis.call('PEXPIREAT', name, until_ms)
    end
  end
end
redis.call('PUBLISH', channel, id)
return {'ok'}
