#!lua flags=no-writes
-- counts: how many tasks wait and run.
-- reads  WAITING and WANTING by owner and of all, RUNNING by owner, VIRTUAL (every owner who ever ran), FAIR
-- ARGV   owner
-- reply  {waiting of the owner, running of the owner, waiting of all, running of all,
--         owners who wait}
-- include keys
-- include arguments

local running = 0
for _, owner in ipairs(redis.call('HKEYS', VIRTUAL)) do
  running = running + redis.call('SCARD', RUNNING .. owner)
end
return {
  redis.call('ZCARD', WAITING .. owner) + redis.call('ZCARD', WANTING .. owner),
  redis.call('SCARD', RUNNING .. owner),
  redis.call('ZCARD', WAITING) + redis.call('ZCARD', WANTING),
  running,
  redis.call('ZCARD', FAIR),
}
