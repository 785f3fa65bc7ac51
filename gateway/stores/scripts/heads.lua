#!lua flags=no-writes
-- heads: the first waiting tasks of the owners whose turn is next.
-- reads  FAIR, WAITING by owner, RUNNING by owner, WANTING and WAITING of all
-- ARGV   most (owners), each (how many tasks of each)
-- reply  {how many wait for more than a slot, how many for a slot, {owner, virtual time, how many run, id, ...}, ...}
-- include keys
-- include arguments

local owners = redis.call('ZRANGE', FAIR, 0, tonumber(most) - 1, 'WITHSCORES')
local heads = {redis.call('ZCARD', WANTING), redis.call('ZCARD', WAITING)}
for at = 1, #owners, 2 do
  local owner = owners[at]
  local head = {owner, owners[at + 1], redis.call('SCARD', RUNNING .. owner)}
  for _, id in ipairs(redis.call('ZRANGE', WAITING .. owner, 0, tonumber(each) - 1)) do
    head[#head + 1] = id
  end
  heads[#heads + 1] = head
end
return heads
