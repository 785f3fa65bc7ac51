#!lua
-- claim_requests: says that request ids are a node's, unless another has them.
-- writes REQUEST (with a life)
-- KEYS   REQUEST by the names of the claims
-- ARGV   node, life (in ms)
-- reply  {'ok'}
-- include arguments

for _, key in ipairs(KEYS) do
  redis.call('SET', key, node, 'NX', 'PX', life)
end
return {'ok'}
