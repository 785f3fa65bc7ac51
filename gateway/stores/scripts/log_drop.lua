#!lua flags=allow-oom
-- log_drop: ends a log in Redis; the spool has it.
-- writes LOG, LOG_MARK, LOG_SIZES, PARTIAL
-- ARGV   id
-- reply  {'ok'}
-- include keys
-- include arguments

redis.call('UNLINK', LOG .. id, LOG_MARK .. id, LOG_SIZES .. id, PARTIAL .. id)
return {'ok'}
