#!lua flags=no-writes
-- list: one bounded step through the tasks, newest first.
-- reads  TASKS or OWNED by owner; TASK; LOG_MARK; READY
-- ARGV   owner (empty: all), number to go on below ('+inf' at first), how many to look at,
--        how many to give at most, states ',a,b,' (empty: any), from_ms, to_ms (0: open), dialect,
--        how many that fit are skipped first, the least number
-- reply  {number to go on below or '' at the end, how many of the skips are left, {record, ...}}
-- include keys
-- include vouched
-- include record

local key = TASKS
if ARGV[1] ~= '' then
  key = OWNED .. ARGV[1]
end
local look, give, states = tonumber(ARGV[3]), tonumber(ARGV[4]), ARGV[5]
local from, to, dialect, skip = tonumber(ARGV[6]), tonumber(ARGV[7]), ARGV[8], tonumber(ARGV[9])

local function fits(found)
  local created = tonumber(found[2] or '0')
  return found[1]
    and (states == '' or string.find(states, ',' .. found[1] .. ',', 1, true))
    and created >= from
    and (to == 0 or created <= to)
    and (dialect == '' or found[3] == dialect)
end

local ids = redis.call('ZREVRANGEBYSCORE', key, ARGV[2], ARGV[10], 'WITHSCORES', 'LIMIT', 0, look)
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
