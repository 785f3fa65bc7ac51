#!lua flags=allow-oom
-- rebuild: a runner begins to make the index agree with the spool.
-- writes READY (with a life), EPOCH, NUMBER (once)
-- ARGV   epoch, run of the server, what is said meanwhile if another runner vouched for the index as
--        this very server holds it, what is said if nobody did, life in ms
-- reply  {'ok', what is said} or {'stale'}
-- include keys
-- include fence

if stale(tonumber(ARGV[1])) then
  return {'stale'}
end
local word = redis.call('GET', READY)
local stands = word and string.find(word, ARGV[2], 1, true) and redis.call('EXISTS', NUMBER) == 1
local said = stands and ARGV[3] or ARGV[4]
redis.call('SETNX', NUMBER, 0)
redis.call('SET', READY, said, 'PX', ARGV[5])
return {'ok', said}
