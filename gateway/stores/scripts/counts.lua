#!lua flags=no-writes
-- counts: how many tasks wait and run.
-- reads  WAITING by owner and of all, RUNNING by owner
-- ARGV   owner
-- reply  {waiting of the owner, running of the owner, waiting of all}
-- include keys

return {
  redis.call('ZCARD', WAITING .. ARGV[1]),
  redis.call('SCARD', RUNNING .. ARGV[1]),
  redis.call('ZCARD', WAITING),
}
