#!lua flags=allow-oom
-- leave_alone: removes what a node that was alone had for itself; under its name it is made anew.
-- writes READY, EPOCH, EXPIRY, WAITING, HELD, RUNNING, FAIR, VIRTUAL, RESERVED, WANTING, WHY
-- reads  TASK
-- reply  {'ok'}
-- include keys

local owners = redis.call('HKEYS', VIRTUAL)
for _, owner in ipairs(redis.call('ZRANGE', FAIR, 0, -1)) do
  owners[#owners + 1] = owner
end
for _, line in ipairs({HELD, WAITING, WANTING}) do
  for _, id in ipairs(redis.call('ZRANGE', line, 0, -1)) do
    owners[#owners + 1] = redis.call('HGET', TASK .. id, 'owner') or nil
  end
end
for _, owner in ipairs(owners) do
  redis.call('UNLINK', WAITING .. owner, HELD .. owner, RUNNING .. owner, RESERVED .. owner,
    WANTING .. owner)
end
redis.call('UNLINK', READY, EPOCH, EXPIRY, WAITING, HELD, FAIR, VIRTUAL, RESERVED, WANTING, WHY)
return {'ok'}
