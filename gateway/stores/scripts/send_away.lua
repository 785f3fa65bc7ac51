#!lua flags=allow-oom
-- send_away: takes a node out for ever. The last one leaves the Redis to whoever comes.
-- writes NODES, FORGOTTEN, BEATS, NODE, NODE_KEY, EPOCH (so that an old runner of it writes nothing)
-- KEYS   NODES, FORGOTTEN, BEATS, NODE, NODE_KEY, READY, EPOCH (both of the node)
-- ARGV   name
-- reply  1, or 0 if its runner gives signs of life, or it is not there
-- include arguments

local said = redis.call('HGET', KEYS[1], name)
if not said or redis.call('EXISTS', KEYS[6]) == 1 then
  return 0
end
local time = redis.call('TIME')
redis.call('HSET', KEYS[2], string.match(said, '^%S+'), name .. ' ' .. time[1] .. '000')
redis.call('INCRBY', KEYS[7], 1000000)
redis.call('HDEL', KEYS[1], name)
redis.call('HDEL', KEYS[3], name)
if redis.call('HLEN', KEYS[1]) == 0 then
  redis.call('DEL', KEYS[4], KEYS[5])
end
return 1
