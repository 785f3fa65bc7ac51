#!lua flags=allow-oom
-- quarantine: removes keys of a foreign type from where ours should be, and has the index rebuilt.
-- writes any key given whose type is wrong (deleted); READY (deleted, if there was one)
-- KEYS   READY, then the keys to look at
-- ARGV   types... (that each key should have)
-- reply  how many were wrong
-- include arguments

local wrong = 0
for at = 2, #KEYS do
  local type = redis.call('TYPE', KEYS[at])['ok']
  if type ~= 'none' and type ~= ARGV[types_at + at - 2] then
    redis.call('UNLINK', KEYS[at])
    wrong = wrong + 1
  end
end
if wrong > 0 then
  redis.call('DEL', KEYS[1])
end
return wrong
