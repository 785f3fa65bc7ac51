#!lua flags=allow-oom
-- rebuild: a runner begins to make the index agree with the spool.
-- writes READY (with a life), EPOCH, NUMBER (once)
-- ARGV   epoch, run (of the server), standing (what is said meanwhile if another runner held the
--        lease of this very server's index), fresh (what is said if nobody did), life (in ms)
-- reply  {'ok', what is said} or {'stale'}
-- include keys
-- include arguments
-- include fence

if stale(tonumber(epoch)) then
  return {'stale'}
end
local word = redis.call('GET', READY)
local stands = word and string.find(word, run, 1, true) and redis.call('EXISTS', NUMBER) == 1
local said = stands and standing or fresh
redis.call('SETNX', NUMBER, 0)
redis.call('SET', READY, said, 'PX', life)
return {'ok', said}
