-- Whether a newer runner than this epoch has written; remembers the newest. A negative epoch
-- belongs to no runner and is never fenced.
local function stale(epoch)
  if epoch < 0 then
    return false
  end
  local newest = tonumber(redis.call('GET', EPOCH) or '0')
  if epoch > newest then
    redis.call('SET', EPOCH, epoch)
  end
  return epoch < newest
end
