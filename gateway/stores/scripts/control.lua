#!lua flags=allow-oom
-- control: what is asked of a task besides its end: whether it is held, its tags, its time limit.
-- News that are older than what is shown change nothing; the same news again brings the state in line.
-- writes TASK, EPOCH, WAITING, RUNNING, FAIR, HELD; notifies
-- ARGV   id, epoch (-1: not a runner), channel, size (of the file of events), held ('1' if so), tags,
--        seconds (empty: not changed), at_ms, keep_ms, held_sources
-- reply  a record, changed or not, or {'stale'}
-- include keys
-- include arguments
-- include fence
-- include lease_held
-- include record
-- include queue
-- include change

local key = TASK .. id
if stale(tonumber(epoch)) then
  return {'stale'}
end
local found = redis.call('HMGET', key, 'state', 'control')
local shown = tonumber(found[2] or '0')
size = tonumber(size)
if not found[1] or shown > size then
  return record(id)
end
local news = false
if shown < size then
  redis.call('HSET', key, 'control', size, 'tags', tags, 'seconds', seconds)
  redis.call('HINCRBY', key, 'version', 1)
  news = true
end
keep_ms = tonumber(keep_ms)
if held == '1' then
  news = change(id, 'held', held_sources, 'out', at_ms, '', keep_ms) or news
else
  news = change(id, 'queued', ',held,', 'wait', at_ms, '', keep_ms) or news
end
if news then
  redis.call('PUBLISH', channel, id)
end
return record(id)
