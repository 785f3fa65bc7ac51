#!lua flags=allow-oom
-- explain: says why tasks wait. What is not said again goes by itself.
-- writes WHY (with a life), EPOCH
-- ARGV   epoch, life (in ms), afresh ('1' if nothing else of it holds any more), reasons... (name,
--        reason, ...: a task's id, or '@' and an owner for all whose tasks have none of their own;
--        an empty reason takes one away)
-- reply  {'ok'} or {'stale'}
-- include keys
-- include arguments
-- include fence

if stale(tonumber(epoch)) then
  return {'stale'}
end
if afresh == '1' then
  redis.call('DEL', WHY)
end
for at = reasons_at, #ARGV, 2 do
  if ARGV[at + 1] == '' then
    redis.call('HDEL', WHY, ARGV[at])
  else
    redis.call('HSET', WHY, ARGV[at], ARGV[at + 1])
  end
end
redis.call('PEXPIRE', WHY, life)
return {'ok'}
