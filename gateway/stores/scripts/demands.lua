#!lua flags=no-writes
-- demands: whose some tasks are and what they need.
-- reads  TASK
-- ARGV   ids...
-- reply  {owner, demand, ...} in the order asked, both false for a task that is not known
-- include keys
-- include arguments

local found = {}
for _, id in ipairs(ARGV) do
  local fields = redis.call('HMGET', TASK .. id, 'owner', 'demand')
  found[#found + 1] = fields[1]
  found[#found + 1] = fields[2]
end
return found
