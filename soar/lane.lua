-- The lane of one asset: what its vendor allows, decided here alone, one caller after the other.
-- KEYS: 1 the log of grants (sorted set: number of the grant -> when its call reaches the vendor),
--       2 the lane's state (hash),
--       3 the log of grants by the moment they were for: a pace of our own spreads these
-- ARGV: 1 what to do, 2 the time in microseconds ('' asks the server), 3 a JSON object.
-- A lane that has not counted all that a budget needs answers 'cold': ask again with `recent`.
-- Times are microseconds since 1970. A sliding log, not a bucket: never more than `calls` grants
-- in any window. The time of a grant may lie a moment ahead (`hold`): its caller waits for it.
local LOG, LANE, PACE = KEYS[1], KEYS[2], KEYS[3]
local doing, given = ARGV[1], cjson.decode(ARGV[3])
local now = tonumber(ARGV[2])
if not now then
  local clock = redis.call('TIME')
  now = clock[1] * 1000000 + clock[2]
end

redis.call('HINCRBY', LANE, 'asked', 1)

local function number(field) return tonumber(redis.call('HGET', LANE, field) or 0) end
local function text(value) return string.format('%.0f', value) end

-- Who asks for an asset that was edited since: what closed its lane may have been mended.
local edited = number('edited')
if given.edited > edited then
  if edited > 0 then redis.call('HDEL', LANE, 'failures', 'closed', 'probe', 'blocked', 'put off') end
  redis.call('HSET', LANE, 'edited', text(given.edited))
end

-- Calls granted, by the second: 60 counters, each used again after a minute.
local function count(calls, at)
  local second = math.floor(at / 1000000)
  local slot = 'second:' .. second % 60
  local kept = number(slot)
  local of = math.floor(kept / 1000000)
  if of > second then return end
  if of < second then kept = second * 1000000 end
  redis.call('HSET', LANE, slot, text(kept + calls))
end

-- How many calls were granted since a moment of the last minute.
local function since(moment)
  local begin = math.max(math.floor(moment / 1000000), math.floor(now / 1000000) - 59)
  local slots, calls = {}, 0
  for i = 0, 59 do slots[i + 1] = 'second:' .. i end
  for _, kept in ipairs(redis.call('HMGET', LANE, unpack(slots))) do
    if kept and math.floor(kept / 1000000) >= begin then calls = calls + kept % 1000000 end
  end
  return calls
end

-- The entry that must have left the window before `ahead` more calls fit into a limit.
local function blocking(limit, ahead)
  local index = limit.calls - ahead
  if index < 0 then index = 0 end
  local log = limit.pace and PACE or LOG
  return tonumber(redis.call('ZREVRANGE', log, index, index, 'WITHSCORES')[2] or -1)
end

-- What is spent of a quota in the period that began at `begin`; `sim` are calls to come.
local function spent(quota, begin, finish, sim)
  local kept = redis.call('HMGET', LANE, quota.name .. ':begin', quota.name .. ':spent')
  local used = tonumber(kept[1] or -1) == begin and tonumber(kept[2] or 0) or 0
  for _, at in ipairs(sim or {}) do
    if at >= begin and at < finish then used = used + 1 end
  end
  return used
end

-- The first moment from `at` on at which a quota has `cost` calls left. Around the change of
-- periods the clocks of lane and vendor may differ: nobody calls then.
local function allowed(quota, at, cost, sim)
  local edges = quota.edges
  local length = edges[#edges] - edges[#edges - 1]
  local period = 1
  while true do
    local begin = edges[period] or edges[#edges] + (period - #edges) * length
    local finish = edges[period + 1] or begin + length
    at = math.max(at, begin + quota.guard)
    if at < finish - quota.guard
      and spent(quota, begin, finish, sim) + math.min(cost, quota.calls) <= quota.calls then
      return at
    end
    period = period + 1
  end
end

-- Whether who asks is the one call that tries a closed lane: its place is kept for it.
local function probes()
  return (given.call or '') ~= '' and redis.call('HGET', LANE, 'prober') == given.call
end

-- When a lane that is closed opens: a vendor that asked to wait, or one that does not answer.
local function opens()
  local at = math.max(number('blocked'), number('closed'))
  if number('failures') >= given.failures and not probes() then at = math.max(at, number('probe')) end
  return at
end

-- The first moment at which one more call (of `cost`) is allowed, after the calls of `sim`.
local function earliest(from, cost, sim)
  local at = math.max(from, opens())
  local last = redis.call('ZREVRANGE', LOG, 0, 0, 'WITHSCORES')[2]
  if last then at = math.max(at, tonumber(last)) end  -- first come, first served
  local done = sim and #sim or 0
  for _, limit in ipairs(given.limits) do
    local entry
    if done >= limit.calls then entry = sim[done - limit.calls + 1]
    else entry = blocking(limit, cost + done) end
    if entry >= 0 then at = math.max(at, entry + limit.window) end
  end
  repeat
    local before = at
    for _, quota in ipairs(given.quotas) do at = allowed(quota, at, cost, sim) end
  until at == before
  return at
end

local function late(reports)  -- calls that left their worker later than their grant says
  for _, report in ipairs(reports) do
    for i = 0, report.cost - 1 do
      local at = redis.call('ZSCORE', LOG, text(report.grant - i))
      at = at and tonumber(at) + report.late or now  -- a grant that the lane forgot counts from now
      redis.call('ZADD', LOG, at, text(report.grant - i))
    end
  end
end

-- What kept the lane closed is over: who planned by it looks again.
local function over(...)
  if redis.call('HDEL', LANE, ...) > 0 then redis.call('PUBLISH', given.told, given.slug) end
end

if doing == 'end' then
  late(given.reports)
  return {}
elseif doing == 'block' then  -- the vendor asked to wait
  if now + given.span > number('blocked') then redis.call('HSET', LANE, 'blocked', text(now + given.span)) end
  return {}
elseif doing == 'put off' then  -- it asked to wait and named no time: longer each time in a row
  over('failures', 'closed', 'probe')
  local blocked = number('blocked')
  if blocked > now then return {text(blocked - now)} end  -- said to several calls at once
  local span = given.spans[math.min(redis.call('HINCRBY', LANE, 'put off', 1), #given.spans)]
  redis.call('HSET', LANE, 'blocked', text(now + span))
  return {text(span)}
elseif doing == 'unasked' then  -- the call that was to try a closed lane has ended: another may
  if probes() then over('probe', 'prober') end
  return {}
elseif doing == 'no answer' then
  if number('closed') > now then return {'closed'} end  -- one outage, seen by several calls
  local failures = redis.call('HINCRBY', LANE, 'failures', 1)
  over('probe')
  if failures >= given.failures then
    local span = math.min(given.longest, given.closed * 2 ^ math.min(failures - given.failures, 20))
    redis.call('HSET', LANE, 'closed', text(now + span))
    return {'closed'}
  end
  return {'open'}
elseif doing == 'answer' then
  over('failures', 'closed', 'probe', 'put off')
  return {}
end

-- The server's clock was set back (by the network's time, after a start with a wrong one). What was
-- counted and closed until then lies ahead, and would hold the lane for as long: it learns anew.
local set_back = number('clock') > now + 60000000
local function forget()
  redis.call('DEL', LOG, PACE)
  redis.call('HDEL', LANE, 'clock', 'failures', 'closed', 'probe', 'blocked', 'put off')
end

-- What the lane has counted without a gap (`counts` of the budget that granted last): the length
-- of its log, and the names of the rules that are not in it.
local counted = not set_back and redis.call('HGET', LANE, 'counts')
local length, has = tonumber(string.match(counted or '', '^%d+') or -1), {}
if counted ~= given.counts then
  for name in string.gmatch(counted or '', '%S+') do has[name] = true end
end

local function complete()
  if counted == given.counts then return true end
  for name in string.gmatch(given.counts, ' (%S+)') do
    if not has[name] then return false end
  end
  return length >= given.keep
end

-- What the lane has not counted it learns from PostgreSQL, as if just spent.
local function learn()
  local past = now + given.hold  -- a call that was granted may still stand at the door
  if set_back then forget() end
  if #given.limits > 0 and length < given.keep then
    local known = redis.call('ZCOUNT', LOG, '(' .. text(now - given.keep), '+inf')
    for i = known + 1, math.max(given.recent, since(now - given.keep)) do
      redis.call('ZADD', LOG, past, 'past:' .. text(now) .. ':' .. i)
    end
    redis.call('PEXPIRE', LOG, math.ceil(given.keep / 1000) + 60000)
  end
  if given.paced and not (has.pace and length >= given.keep) then
    redis.call('ZUNIONSTORE', PACE, 1, LOG)
    redis.call('PEXPIRE', PACE, math.ceil(given.keep / 1000) + 60000)
  end
  for _, quota in ipairs(given.quotas) do
    if not has[quota.name] then
      local begin, finish = quota.edges[1], quota.edges[2]
      local used = math.max(quota.spent, spent(quota, begin, finish), since(begin))
      redis.call('HSET', LANE, quota.name .. ':begin', text(begin), quota.name .. ':spent', used)
    end
  end
  if not counted then  -- all was lost: what is late is among what PostgreSQL knows
    redis.call('HSET', LANE, 'number', text(math.max(now, number('number'))))
    given.reports = {}
  end
  for i = 0, set_back and 59 or -1 do redis.call('HDEL', LANE, 'second:' .. i) end
  redis.call('HSET', LANE, 'counts', given.counts)
  counted = given.counts
end

local cold = not complete()
if cold and not given.recent then return {'cold'} end
if doing == 'take' and given.also[1] > 0 then  -- those that needed not ask
  redis.call('HINCRBY', LANE, 'grants', given.also[1])
  count(given.also[1], now - given.also[2])
end
if cold then learn() end

if doing == 'take' then
  late(given.reports)
  local at = earliest(now, given.cost)
  if at > now + given.hold then
    redis.call('PUBLISH', given.told, given.slug)  -- the pump planned wrong: it looks again
    return {'no', text(at - now)}
  end
  redis.call('HINCRBY', LANE, 'grants', given.cost)
  redis.call('HSET', LANE, 'clock', text(now))
  count(given.cost, now)
  if counted ~= given.counts then redis.call('HSET', LANE, 'counts', given.counts) end
  local grant = redis.call('HINCRBY', LANE, 'number', given.cost)  -- never again, also after a loss
  if #given.limits > 0 then
    for _, log in ipairs(given.paced and {LOG, PACE} or {LOG}) do
      for i = 0, given.cost - 1 do redis.call('ZADD', log, at, text(grant - i)) end
      redis.call('ZREMRANGEBYSCORE', log, '-inf', now - given.keep)
      redis.call('PEXPIRE', log, math.ceil(given.keep / 1000) + 60000)
    end
  end
  for _, quota in ipairs(given.quotas) do
    local begin, finish = quota.edges[1], quota.edges[2]
    if at >= finish then begin, finish = finish, quota.edges[3] end
    local used = spent(quota, begin, finish) + given.cost
    redis.call('HSET', LANE, quota.name .. ':begin', text(begin), quota.name .. ':spent', used)
  end
  local failures = number('failures')
  if failures >= given.failures then
    redis.call('HSET', LANE, 'probe', text(at + given.lease), 'prober', given.call)
  end
  return {'yes', text(at - now), text(grant), text(failures + number('put off'))}
elseif doing == 'look' then  -- when the next calls could go, if each goes at its first moment
  local times, sim = {}, {}
  local count = given.count
  if number('failures') >= given.failures then count = 1 end
  local at = now
  for i = 1, count do
    at = earliest(at, 1, sim)
    sim[i] = at
    times[i] = text(at - now)
  end
  return times
elseif doing == 'state' then
  local limits, quotas = {}, {}
  for i, limit in ipairs(given.limits) do
    limits[i] = redis.call('ZCOUNT', LOG, '(' .. text(now - limit.window), '+inf')
  end
  for i, quota in ipairs(given.quotas) do quotas[i] = spent(quota, quota.edges[1], quota.edges[2]) end
  return {cjson.encode({limits = limits, quotas = quotas, grants = number('grants'),
    asked = number('asked'), failures = number('failures'), closed = math.max(0, number('closed') - now),
    blocked = math.max(0, number('blocked') - now), minute = since(now - 60000000)})}
end
