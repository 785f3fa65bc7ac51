#!lua
-- partial: what stands on the line of a run that has not ended.
-- writes PARTIAL (with a life), EPOCH; rings the bell
-- ARGV   id, epoch, what is kept, life in ms, bell
-- reply  {'ok'} or {'stale'}
-- include keys
-- include fence

if stale(tonumber(ARGV[2])) then
  return {'stale'}
end
redis.call('SET', PARTIAL .. ARGV[1], ARGV[3], 'PX', ARGV[4])
redis.call('PUBLISH', ARGV[5], ARGV[1])
return {'ok'}
