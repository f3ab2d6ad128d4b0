/**
 * Slots inside Redis. A slot is a lease: a member of one sorted set for each key, scored with when it runs out by Redis'
 * own clock, so that the slots of a process that has died come back, and replicas whose clocks differ agree.
 *
 * Processes in which requests wait take turns: a hash for each key holds, for each such process, since when it has been
 * its turn to wait (microseconds) and until when that counts (milliseconds). A process may take what is free less one
 * slot for each process that has waited longer.
 */

/** Where the leases of one key are. The hash tag is the key, as for windows; an id never holds `{` or `:`. */
export function leasesKey(id: string, key: string): string {
  return `sluice:slots:${id}:{${key}}`;
}

/** Where the processes are whose requests wait for slots of one key. */
export function turnsKey(id: string, key: string): string {
  return `sluice:slot-turns:${id}:{${key}}`;
}

/** What is not ours under our key counts as nothing and is replaced. */
const PROLOGUE = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local function own(key, kind)
  local found = redis.call('TYPE', key)
  if type(found) == 'table' then found = found.ok end
  if found ~= kind and found ~= 'none' then redis.call('DEL', key) end
end
own(KEYS[1], 'zset')
local function keep(ttl)
  if redis.call('PTTL', KEYS[1]) < ttl then redis.call('PEXPIRE', KEYS[1], ttl) end
end
`;

/**
 * Takes as many slots as may be had. KEYS: leases, turns. ARGV: a number that comes back first in the reply, the limit,
 * milliseconds of a lease, this process, how many of its leases should be there, how many of its requests wait (those
 * that ask now included; 0: they do not wait), milliseconds that its place counts, and an id for each slot wanted.
 * Reply: that number, slots given (ids in order), slots held now by all. Slots given is -1 where leases of this process
 * are gone (Redis has been flushed): it must register them before it may ask.
 */
export const ASK_SCRIPT = `${PROLOGUE}
own(KEYS[2], 'hash')
local limit, lease, me = tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4]
local waiting, patience = tonumber(ARGV[6]), tonumber(ARGV[7])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
local held = redis.call('ZCARD', KEYS[1])
if held < tonumber(ARGV[5]) then return { tonumber(ARGV[1]), -1, held } end
if held >= limit then
  -- No lease is longer than a lease, unless the clock went back (a failover, a correction): then the dead would keep theirs.
  local longer = '(' .. string.format('%.0f', now + lease)
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], longer, '+inf', 'LIMIT', 0, 1000)) do
    redis.call('ZADD', KEYS[1], now + lease, id)
  end
end

local mine, others = nil, {}
local turns = redis.call('HGETALL', KEYS[2])
for i = 1, #turns, 2 do
  local since, till = string.match(turns[i + 1], '^(%d+) (%d+)$')
  if not since or tonumber(till) <= now or tonumber(till) > now + patience then
    redis.call('HDEL', KEYS[2], turns[i])
  elseif turns[i] == me then
    mine = tonumber(since)
  else
    others[#others + 1] = tonumber(since)
  end
end
local ahead = 0
for i = 1, #others do
  if not mine or others[i] < mine then ahead = ahead + 1 end
end

local given = math.max(0, math.min(#ARGV - 7, limit - held - ahead))
for i = 1, given do
  redis.call('ZADD', KEYS[1], now + lease, ARGV[7 + i])
end
if given > 0 then keep(lease) end
if waiting > given then
  -- Who has had something waits anew, behind the others.
  local since = (given == 0 and mine) or time[1] * 1000000 + time[2]
  redis.call('HSET', KEYS[2], me, string.format('%.0f %.0f', since, now + patience))
  redis.call('PEXPIRE', KEYS[2], patience)
elseif waiting > 0 and mine then
  redis.call('HDEL', KEYS[2], me)
end
return { tonumber(ARGV[1]), given, held + given }
`;

/**
 * Renews leases, and registers those that are not there. KEYS: leases. ARGV: a number that comes back first in the
 * reply, milliseconds of a lease, ids. Reply: that number, and how many were not there.
 */
export const RENEW_SCRIPT = `${PROLOGUE}
local till = now + tonumber(ARGV[2])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
local added = 0
for i = 3, #ARGV do
  added = added + redis.call('ZADD', KEYS[1], till, ARGV[i])
end
keep(tonumber(ARGV[2]))
return { tonumber(ARGV[1]), added }
`;

/** Counts what is held. KEYS: leases. ARGV: a number that comes back first. Reply: that number, slots held. */
export const COUNT_SCRIPT = `${PROLOGUE}
return { tonumber(ARGV[1]), redis.call('ZCOUNT', KEYS[1], '(' .. string.format('%.0f', now), '+inf') }
`;

/**
 * Forgets what nobody has renewed for long. KEYS: leases. ARGV: a number that comes back first, and milliseconds: whose
 * lease lasts no longer than that has not been renewed in due time. Reply: that number, slots forgotten.
 */
export const RESET_SCRIPT = `${PROLOGUE}
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
return { tonumber(ARGV[1]), redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now + tonumber(ARGV[2])) }
`;
