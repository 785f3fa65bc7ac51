#!lua flags=no-writes
-- count: one bounded step through the tasks, newest first: how many fit.
-- reads  TASKS or OWNED by owner; TASK
-- ARGV   owner (empty: all), below (number to go on below, '+inf' at first), look (at how many),
--        states (',a,b,'; empty: any), from_ms, to_ms (0: open), dialect, least (number)
-- reply  {number to go on below or '' at the end, how many fit}
-- include keys
-- include arguments

local key = TASKS
if owner ~= '' then
  key = OWNED .. owner
end
local from, to = tonumber(from_ms), tonumber(to_ms)
look = tonumber(look)

local ids = redis.call('ZREVRANGEBYSCORE', key, below, least, 'WITHSCORES', 'LIMIT', 0, look)
local fit = 0
for at = 1, #ids, 2 do
  local found = redis.call('HMGET', TASK .. ids[at], 'state', 'created', 'dialect')
  local created = tonumber(found[2] or '0')
  if found[1]
    and (states == '' or string.find(states, ',' .. found[1] .. ',', 1, true))
    and created >= from
    and (to == 0 or created <= to)
    and (dialect == '' or found[3] == dialect)
  then
    fit = fit + 1
  end
end
if #ids < 2 * look then
  return {'', fit}
end
return {'(' .. ids[#ids], fit}
