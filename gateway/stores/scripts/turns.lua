#!lua flags=no-writes
-- turns: the virtual time at which some owners stand if they are weighed now.
-- reads  FAIR, VIRTUAL
-- ARGV   owners...
-- reply  {time, ...} in the order asked
-- include keys
-- include arguments

local clock = tonumber(redis.call('HGET', VIRTUAL, '') or '0')
local found = {}
for at, owner in ipairs(ARGV) do
  local turn = redis.call('ZSCORE', FAIR, owner)
  if not turn then
    turn = math.max(tonumber(redis.call('HGET', VIRTUAL, owner) or '0'), clock)
  end
  found[at] = tostring(turn)
end
return found
