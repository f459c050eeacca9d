-- Take one call from a budget, or say how long until one is free.
-- KEYS: 1 the log of grants (sorted set, score = milliseconds), 2 "this lane knows its past"
-- ARGV: 1 calls, 2 window in ms, 3 take (1) or look (0), 4 calls made of late (-1: not asked yet), 5 a unique name
-- Returns {free calls after this one, milliseconds to wait}; {-1, 0} asks for ARGV[4].
-- A sliding log, not a bucket: never more than ARGV[1] grants in any window.
local calls, window, take, seed = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3] == '1', tonumber(ARGV[4])
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)

if redis.call('EXISTS', KEYS[2]) == 0 then
  if seed < 0 then return {-1, 0} end
  for i = 1, math.min(seed, calls) do redis.call('ZADD', KEYS[1], now, ARGV[5] .. ':past:' .. i) end
  redis.call('PEXPIRE', KEYS[1], window)
end
redis.call('SET', KEYS[2], 1)

redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - window)
local used = redis.call('ZCARD', KEYS[1])
if used >= calls then
  local blocking = redis.call('ZRANGE', KEYS[1], used - calls, used - calls, 'WITHSCORES')
  return {0, math.max(1, tonumber(blocking[2]) + window - now + 1)}
end
if take then
  redis.call('ZADD', KEYS[1], now, ARGV[5])
  redis.call('PEXPIRE', KEYS[1], window)
  used = used + 1
end
return {calls - used, 0}
