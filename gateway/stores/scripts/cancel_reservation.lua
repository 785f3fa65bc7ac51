#!lua flags=allow-oom
-- cancel_reservation: gives a reservation back that will not be used; its number is not given away again.
-- writes RESERVED by owner and of all; NAME if it is held by this number
-- ARGV   owner, number, name
-- reply  {'ok'}
-- include keys
-- include arguments

redis.call('ZREM', RESERVED, number)
redis.call('ZREM', RESERVED .. owner, number)
local key = NAME .. owner .. '\0' .. name
if name ~= '' and redis.call('GET', key) == '#' .. number then
  redis.call('DEL', key)
end
return {'ok'}
