#!lua flags=no-writes
-- heads: the first waiting tasks of the owners whose turn is next.
-- reads  FAIR, WAITING by owner, RUNNING by owner
-- ARGV   how many owners, how many tasks of each
-- reply  {{owner, virtual time, how many run, id, ...}, ...}
-- include keys

local owners = redis.call('ZRANGE', FAIR, 0, tonumber(ARGV[1]) - 1, 'WITHSCORES')
local heads = {}
for at = 1, #owners, 2 do
  local owner = owners[at]
  local head = {owner, owners[at + 1], redis.call('SCARD', RUNNING .. owner)}
  for _, id in ipairs(redis.call('ZRANGE', WAITING .. owner, 0, tonumber(ARGV[2]) - 1)) do
    head[#head + 1] = id
  end
  heads[#heads + 1] = head
end
return heads
