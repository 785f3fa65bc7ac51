#!lua flags=allow-oom
-- raise: makes sure that numbers up to a floor are not given away again.
-- writes NUMBER, never down
-- ARGV   floor
-- reply  the last number given away
-- include keys

local now = tonumber(redis.call('GET', NUMBER) or '0')
if tonumber(ARGV[1]) > now then
  redis.call('SET', NUMBER, ARGV[1])
  return tonumber(ARGV[1])
end
return now
