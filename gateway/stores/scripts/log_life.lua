#!lua flags=allow-oom
-- log_life: gives a log in Redis a time to live, or ends it.
-- writes LOG, LOG_MARK, LOG_SIZES, PARTIAL
-- ARGV   id, life in ms (0: at once)
-- reply  {'ok'}
-- include keys

for _, key in ipairs({LOG .. ARGV[1], LOG_MARK .. ARGV[1], LOG_SIZES .. ARGV[1], PARTIAL .. ARGV[1]}) do
  if ARGV[2] == '0' then
    redis.call('UNLINK', key)
  else
    redis.call('PEXPIRE', key, ARGV[2])
  end
end
return {'ok'}
