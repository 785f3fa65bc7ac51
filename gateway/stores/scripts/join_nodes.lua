#!lua flags=allow-oom
-- join_nodes: gives a node its place among several, or sees that it has it.
-- writes NODE, NODES, NODE_KEY
-- KEYS   NODE, NODES, NODE_KEY, FORGOTTEN
-- ARGV   several (what stands in NODE for them), id (of its data folder), name, address, digest (of
--        its keys)
-- reply  'ok', or why not: 'alone' (it works there alone itself), 'foreign' (another does), 'key',
--        'named' (another has its name), 'renamed' (it has another name), 'forgotten'
-- include arguments

local holder = redis.call('GET', KEYS[1])
if holder and holder ~= several then
  return holder == id and 'alone' or 'foreign'
end
if redis.call('HEXISTS', KEYS[4], id) == 1 then
  return 'forgotten'
end
local key = redis.call('GET', KEYS[3])
if key and key ~= digest then
  return 'key'
end
local known = redis.call('HGETALL', KEYS[2])
local since
for at = 1, #known, 2 do
  local whose, when, where = string.match(known[at + 1], '^(%S+) (%d+) (.*)$')
  if known[at] == name and whose ~= id then
    return 'named'
  elseif known[at] ~= name and whose == id then
    return 'renamed'
  elseif known[at] == name then
    if where == address and key and holder then
      return 'ok'
    end
    since = when
  end
end
if not since then
  local time = redis.call('TIME')
  since = time[1] .. string.format('%03d', math.floor(time[2] / 1000))
end
redis.call('SET', KEYS[1], several)
redis.call('SET', KEYS[3], digest)
redis.call('HSET', KEYS[2], name, id .. ' ' .. since .. ' ' .. address)
return 'ok'
