#!lua flags=allow-oom
-- conclude: all that is told at the end of a run, at once: that it ran, that its log is complete,
-- its final state, and that it runs no more. A full Redis can still learn it.
-- writes TASK (with a life), EPOCH, WAITING, RUNNING, FAIR, LOG, LOG_MARK, LOG_SIZES, PARTIAL (a
--        life); rings the bell
-- ARGV   id, epoch, owner, started at (0: it never ran), sources of running, final state, sources,
--        ended at, outcome, keep_ms, bell, the last line, 1 if the end of the log was sent just
--        before and must be there, life of the log in ms
-- reply  a record, changed or not, {'stale'}, or {'behind'} if the end of the log is not there
-- include keys
-- include fence
-- include vouched
-- include record
-- include queue
-- include change

local id, owner, started, last, keep_ms = ARGV[1], ARGV[3], ARGV[4], ARGV[12], tonumber(ARGV[10])
if stale(tonumber(ARGV[2])) then
  return {'stale'}
end
if ARGV[13] == '1' and last_line(id) ~= tonumber(last) then
  return {'behind'}
end
local rings = false
if redis.call('HEXISTS', TASK .. id, 'state') == 1 then
  rings = redis.call('HSET', TASK .. id, 'complete', 1, 'last', last) > 0
  if started ~= '0' then
    rings = change(id, 'running', ARGV[5], 'run', started, '', keep_ms) or rings
  end
end
if change(id, ARGV[6], ARGV[7], 'final', ARGV[8], ARGV[9], keep_ms) or rings then
  redis.call('PUBLISH', ARGV[11], id)
end
redis.call('SREM', RUNNING .. owner, id)
for _, key in ipairs({LOG .. id, LOG_MARK .. id, LOG_SIZES .. id, PARTIAL .. id}) do
  redis.call('PEXPIRE', key, ARGV[14])
end
return record(id)
