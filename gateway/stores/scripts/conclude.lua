#!lua flags=allow-oom
-- conclude: all that is told at the end of a run, at once: that it ran, that its log is complete,
-- its final state, and that it runs no more. A full Redis can still learn it.
-- writes TASK (with a life), EPOCH, WAITING, RUNNING, FAIR, LOG, LOG_MARK, LOG_SIZES, PARTIAL (a
--        life); notifies
-- ARGV   id, epoch, owner, started (at; 0: it never ran), running_sources, state (final), sources,
--        ended (at), outcome, keep_ms, channel, last (line), sent (1 if the end of the log was sent
--        just before and must be there), log_life (in ms)
-- reply  a record, changed or not, {'stale'}, or {'behind'} if the end of the log is not there
-- include keys
-- include arguments
-- include fence
-- include lease_held
-- include record
-- include queue
-- include change

keep_ms = tonumber(keep_ms)
if stale(tonumber(epoch)) then
  return {'stale'}
end
if sent == '1' and last_line(id) ~= tonumber(last) then
  return {'behind'}
end
local changed = false
if redis.call('HEXISTS', TASK .. id, 'state') == 1 then
  changed = redis.call('HSET', TASK .. id, 'complete', 1, 'last', last) > 0
  if started ~= '0' then
    changed = change(id, 'running', running_sources, 'run', started, '', keep_ms) or changed
  end
end
if change(id, state, sources, 'final', ended, outcome, keep_ms) or changed then
  redis.call('PUBLISH', channel, id)
end
redis.call('SREM', RUNNING .. owner, id)
for _, key in ipairs({LOG .. id, LOG_MARK .. id, LOG_SIZES .. id, PARTIAL .. id}) do
  redis.call('PEXPIRE', key, log_life)
end
return record(id)
