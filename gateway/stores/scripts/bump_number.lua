#!lua flags=allow-oom
-- bump_number: makes sure that numbers up to a floor are not given away again.
-- writes NUMBER, never down
-- ARGV   floor
-- reply  the last number given away
-- include keys
-- include arguments

local now = tonumber(redis.call('GET', NUMBER) or '0')
if tonumber(floor) > now then
  redis.call('SET', NUMBER, floor)
  return tonumber(floor)
end
return now
