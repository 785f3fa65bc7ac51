#!lua
-- partial: what stands on the line of a run that has not ended.
-- writes PARTIAL (with a life), EPOCH; notifies
-- ARGV   id, epoch, text (what is kept), life (in ms), channel
-- reply  {'ok'} or {'stale'}
-- include keys
-- include arguments
-- include fence

if stale(tonumber(epoch)) then
  return {'stale'}
end
redis.call('SET', PARTIAL .. id, text, 'PX', life)
redis.call('PUBLISH', channel, id)
return {'ok'}
