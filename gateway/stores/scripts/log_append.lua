#!lua flags=allow-oom
-- log_append: adds blocks of lines to the end of a log, each line once, and keeps the hot window.
-- writes LOG, LOG_MARK, LOG_SIZES (a life each), EPOCH; notifies
-- reads  TASK
-- ARGV   id, epoch, window (its bytes), life (in ms), channel, blocks... (of each first, last,
--        part, more as '1' or '0', marks, data)
-- reply  {'ok', last, part, more}; {'gap', last, part, more} if lines are missing before a block;
--        {'cut', last, part, more} if a block begins before the end and ends after it;
--        {'unknown'}, {'gone'}, {'stale'}. Blocks before the one that failed are kept.
-- include keys
-- include arguments
-- include fence

window, life = tonumber(window), tonumber(life)
local log, mark, sizes = LOG .. id, LOG_MARK .. id, LOG_SIZES .. id

if stale(tonumber(epoch)) then
  return {'stale'}
end
local task = redis.call('HMGET', TASK .. id, 'state', 'gone')
if task[2] then
  return {'gone'}
elseif not task[1] then
  return {'unknown'}
end

local found = redis.call('HMGET', mark, 'last', 'part', 'more', 'bytes')
local last, part, more = tonumber(found[1] or '0'), tonumber(found[2] or '0'), found[3] == '1'
local bytes = tonumber(found[4] or '0')
local answer, added = 'ok', false
-- Of a log that lost one of its keys, what is left is no window any more; the spool has it all.
if not found[1] then
  redis.call('UNLINK', log, sizes)
elseif bytes > 0 and redis.call('EXISTS', log) == 0 then
  redis.call('UNLINK', sizes)
  redis.call('HSET', mark, 'first', string.format('%.0f', more and last or last + 1),
    'first_part', more and part + 1 or 0)
  bytes = 0
end

for at = blocks_at, #ARGV, 6 do
  local block_first, block_last = tonumber(ARGV[at]), tonumber(ARGV[at + 1])
  local block_part, block_more = tonumber(ARGV[at + 2]), ARGV[at + 3] == '1'
  local there, follows
  if block_part > 0 then
    there = block_last < last or (block_last == last and (not more or block_part <= part))
    follows = (more and block_last == last and block_part == part + 1)
      or (not more and block_last == last + 1 and block_part == 1)
  else
    there = block_last <= last
    follows = not more and block_first == last + 1
  end
  if not there then
    if not follows then
      answer = (block_part == 0 and not more and block_first <= last) and 'cut' or 'gap'
      break
    end
    local marks, data = ARGV[at + 4], ARGV[at + 5]
    local size = #marks + #data
    redis.call('XADD', log, string.format('%.0f-%.0f', block_last, block_part),
      block_more and 'p' or 'm', marks, 'd', data)
    redis.call('RPUSH', sizes,
      string.format('%.0f:%.0f:%d:%d', block_last, block_part, block_more and 1 or 0, size))
    last, part, more, bytes, added = block_last, block_part, block_more, bytes + size, true
  end
end

if added then
  local gone
  while bytes > window and redis.call('LLEN', sizes) > 1 do
    gone = redis.call('LPOP', sizes)
    bytes = bytes - tonumber(string.match(gone, '%d+$'))
  end
  if gone then
    local gone_last, gone_part, gone_more = string.match(gone, '^(%d+):(%d+):(%d):')
    redis.call('XTRIM', log, 'MINID', '=',
      gone_last .. '-' .. string.format('%.0f', tonumber(gone_part) + 1))
    if gone_more == '1' then
      redis.call('HSET', mark, 'first', gone_last, 'first_part', tonumber(gone_part) + 1)
    else
      redis.call('HSET', mark, 'first', string.format('%.0f', tonumber(gone_last) + 1),
        'first_part', 0)
    end
  end
  redis.call('HSET', mark, 'last', string.format('%.0f', last), 'part', part,
    'more', more and 1 or 0, 'bytes', bytes)
  -- A life is written again only when half of it is over: an append is usually one small entry.
  for _, key in ipairs({log, mark, sizes}) do
    if redis.call('PTTL', key) < life / 2 then
      redis.call('PEXPIRE', key, life)
    end
  end
  redis.call('PUBLISH', channel, id)
end
return {answer, last, part, more and 1 or 0}
