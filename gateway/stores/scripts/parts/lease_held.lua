-- Whether a runner holds the lease of the index as this very server holds it. A word that the
-- server found in its own file after a restart was said before, and the end of the file may be
-- lost.
local function lease_held()
  local word = redis.call('GET', READY)
  local run = string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')
  return word and run and string.find(word, run, 1, true) ~= nil
end

-- Whether every runner that has its tasks here vouches that the index holds all of them.
local function index_whole()
  if not lease_held() or string.find(redis.call('GET', READY), 'partial', 1, true) then
    return false
  end
  if NODE_NAME == '' then
    return true
  end
  local run = string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')
  for _, node in ipairs(redis.call('HKEYS', NODES)) do
    local word = node ~= NODE_NAME and redis.call('GET', at_node(READY, node))
    if node ~= NODE_NAME and not (word and string.find(word, run, 1, true)
        and not string.find(word, 'partial', 1, true)) then
      return false
    end
  end
  return true
end
