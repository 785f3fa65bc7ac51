#!lua flags=no-writes
-- log_read: the blocks of a log from a line and part on, and its task as it is at that moment.
-- reads  LOG, LOG_MARK; TASK; READY
-- ARGV   id, line, part, lines (how many at most), bytes (how many at most, one block in any case)
-- reply  {task, 'cold'} if the window does not hold the place, else {task, last, more, entry, ...}
--        with the task as read answers it and each entry as XRANGE gives it:
--        {id, {'m' or 'p', marks, 'd', data}}
-- include keys
-- include arguments
-- include lease_held
-- include record

line, part, lines, bytes = tonumber(line), tonumber(part), tonumber(lines), tonumber(bytes)
local found = redis.call('HMGET', LOG_MARK .. id, 'last', 'more', 'first', 'first_part')
local task = record(id)
if not found[1] then
  return {task, 'cold'}
end
local first, first_part = tonumber(found[3] or '1'), tonumber(found[4] or '0')
if line < first or (line == first and part < first_part and first_part > 1) then
  return {task, 'cold'}
end

local page = {task, found[1], found[2]}
local from = string.format('%.0f-%.0f', line, part > 1 and part or 0)
local count, size = 1, 0
while true do
  local entries = redis.call('XRANGE', LOG .. id, from, '+', 'COUNT', count)
  for _, entry in ipairs(entries) do
    page[#page + 1] = entry
    size = size + #entry[2][4]
    local last = tonumber(string.match(entry[1], '^%d+'))
    if last - line + 1 >= lines or size >= bytes then
      return page
    end
    from = '(' .. entry[1]
  end
  if #entries < count then
    if #page == 3 and line <= tonumber(found[1]) and found[2] ~= '1' then
      return {task, 'cold'}
    end
    return page
  end
  -- Few entries are asked for at first, since one may hold 64 KiB, and more while they are small.
  count = math.min(count * 2, 128, math.max(1, math.floor((bytes - size) * (#page - 3) / (size + 1))))
end
