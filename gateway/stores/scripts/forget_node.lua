#!lua flags=allow-oom
-- forget_node: takes a Redis from a node that is gone.
-- writes NODE
-- KEYS   NODE, READY
-- ARGV   node (that is forgotten)
-- reply  1, or 0 if it is another's or a runner works there
-- include arguments

if redis.call('EXISTS', KEYS[2]) == 1 or redis.call('GET', KEYS[1]) ~= node then
  return 0
end
return redis.call('DEL', KEYS[1])
