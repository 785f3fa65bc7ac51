-- Whether a runner holds the lease of the index as this very server holds it. A word that the
-- server found in its own file after a restart was said before, and the end of the file may be
-- lost.
local function lease_held()
  local word = redis.call('GET', READY)
  local run = string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')
  return word and run and string.find(word, run, 1, true) ~= nil
end
