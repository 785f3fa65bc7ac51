#!lua flags=no-writes
-- wanting: the tasks that wait for something of the pool, in the order of submission.
-- reads  WANTING of all
-- ARGV   most (how many)
-- reply  {id, ...}
-- include keys
-- include arguments

return redis.call('ZRANGE', WANTING, 0, tonumber(most) - 1)
