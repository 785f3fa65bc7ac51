-- The number of the last complete line in a task's hot log, 0 if it has none.
local function last_line(id)
  local mark = redis.call('HMGET', LOG_MARK .. id, 'last', 'more')
  local last = tonumber(mark[1] or '0')
  if mark[2] == '1' then
    return last - 1
  end
  return last
end

-- Everything about a task as its reader wants it, or its tombstone, or that there is none.
local function record(id)
  local found = redis.call('HMGET', TASK .. id, 'meta', 'state', 'version', 'started', 'finished',
    'outcome', 'progress', 'last', 'complete', 'gone', 'owner', 'number', 'tags', 'seconds', 'node')
  local node = NODE_NAME ~= '' and found[15]
  local foreign = node and node ~= NODE_NAME
  if found[10] then
    return {'gone', id, found[11], found[12]}
  elseif found[2] then
    local why = ''
    if found[2] == 'queued' then
      local whys = foreign and at_node(WHY, node) or WHY
      local said = redis.call('HMGET', whys, id, '@' .. found[11])
      why = said[1] or said[2] or ''
    end
    -- Since when nobody can tell how it goes on: its runner has stopped to give signs of life.
    local away = ''
    if foreign and not found[5] and redis.call('EXISTS', at_node(READY, node)) == 0 then
      away = redis.call('HGET', BEATS, node) or '1'
    end
    local shown = {'task', id, found[1], found[2], found[3], found[4], found[5], found[6], found[7],
      found[8], found[9], last_line(id), found[13] or '', found[14] or '', why}
    if node then
      shown[16], shown[17] = node, away
    end
    return shown
  elseif index_whole() then
    return {'none'}
  end
  return {'unready'}
end
