#!lua flags=no-writes
-- list: one bounded step through the tasks, newest first.
-- reads  TASKS or OWNED by owner; TASK; LOG_MARK; READY
-- ARGV   owner (empty: all), below (number to go on below, '+inf' at first), look (at how many),
--        give (how many at most), states (',a,b,'; empty: any), from_ms, to_ms (0: open), dialect,
--        skip (how many that fit are left out first), least (number)
-- reply  {number to go on below or '' at the end, how many of the skips are left, {record, ...}}
-- include keys
-- include arguments
-- include lease_held
-- include record

local key = TASKS
if owner ~= '' then
  key = OWNED .. owner
end
local from, to = tonumber(from_ms), tonumber(to_ms)
look, give, skip = tonumber(look), tonumber(give), tonumber(skip)

local function fits(found)
  local created = tonumber(found[2] or '0')
  return found[1]
    and (states == '' or string.find(states, ',' .. found[1] .. ',', 1, true))
    and created >= from
    and (to == 0 or created <= to)
    and (dialect == '' or found[3] == dialect)
end

local ids = redis.call('ZREVRANGEBYSCORE', key, below, least, 'WITHSCORES', 'LIMIT', 0, look)
local tasks = {}
local below = ''
for at = 1, #ids, 2 do
  if #tasks == give then
    break
  end
  below = '(' .. ids[at + 1]
  if fits(redis.call('HMGET', TASK .. ids[at], 'state', 'created', 'dialect')) then
    if skip > 0 then
      skip = skip - 1
    else
      tasks[#tasks + 1] = record(ids[at])
    end
  end
end
if #ids < 2 * look and #tasks < give then
  below = ''
end
return {below, skip, tasks}
