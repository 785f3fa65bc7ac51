#!lua flags=no-writes
-- log_end: where a log ends here.
-- reads  LOG_MARK
-- ARGV   id
-- reply  {last, part, more}
-- include keys
-- include arguments

local found = redis.call('HMGET', LOG_MARK .. id, 'last', 'part', 'more')
return {found[1] or '0', found[2] or '0', found[3] or '0'}
