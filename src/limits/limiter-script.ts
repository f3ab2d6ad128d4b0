/**
 * A limiter's key inside Redis; `limiter-keys.ts` does the same in memory.
 *
 * KEYS: the window's, as `redis-script.ts` keeps it, and one with `units:until:blocked until`, of what was set and of a
 * block; both expire. ARGV: a number that comes back, the time or nothing, the operation, points, window, slot,
 * units, how long a set or a block lasts, the limiter's blockDuration. Reply: that number, what counts, milliseconds to wait (-1:
 * for ever), whether it was refused, whether not one more point fits.
 */
import type { LimiterNumbers, Operation } from './limiter.ts';
import { redisKey, WINDOW_LUA } from './redis-script.ts';
import { slotLength } from './window.ts';

/** The arguments of {@link LIMITER_SCRIPT}. `now` empty for Redis' own time. */
export function limiterArguments(
  sequence: number,
  now: number | '',
  operation: Operation,
  at: { readonly id: string; readonly key: string },
  { points, perMs, blockMs }: LimiterNumbers,
  units: number,
  ms: number,
): (string | number)[] {
  const window = { id: at.id, limit: points, perMs };
  const keys = [redisKey(window, at.key), `sluice:hold:${at.id}:{${at.key}}`];
  return [2, ...keys, sequence, now, operation, points, perMs, slotLength(window), units, ms, blockMs];
}

/** The script, for `defineCommand` under a name of its own: `rlflxIncr` is one for all limiters of a client. */
export const LIMITER_SCRIPT = `
${WINDOW_LUA}
local op, points, per, slot = ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local units, ms, blockMs = tonumber(ARGV[7]), tonumber(ARGV[8]), tonumber(ARGV[9])
local s = load(KEYS[1], per, slot)
local fixed, ends, blocked, held = 0, 0, 0, false
local raw = redis.pcall('GET', KEYS[2])
if type(raw) == 'table' then
  redis.call('DEL', KEYS[2])
elseif raw then
  local a, b, c = string.match(raw, '^(%d+):(%d+):(%d+)$')
  if a then fixed, ends, blocked = tonumber(a), tonumber(b), tonumber(c) end
end
if ends <= now then fixed = 0 end

local function give(n)
  while #s > 0 and n > 0 do
    local gone = math.min(n, s[2])
    n = n - gone
    s[2] = s[2] - gone
    s.used = s.used - gone
    s.dirty = true
    if s[2] == 0 then
      table.remove(s, 1)
      table.remove(s, 1)
    end
  end
end

local function free(n)
  local freed, counted = 0, fixed == 0
  for j = 1, #s, 2 do
    local leaves = (s[j] + 1) * slot + per
    if not counted and ends <= leaves then
      freed, counted = freed + fixed, true
      if freed >= n then return ends - now end
    end
    freed = freed + s[j + 1]
    if freed >= n then return leaves - now end
  end
  if not counted and freed + fixed >= n then return ends - now end
  return -1
end

local before, refused, excess = s.used + fixed, false, 0
local known = before > 0 or blocked > now
if op == 'consume' then
  excess = before + units - points
  refused = blocked > now or excess > 0
  if not refused and units > 0 then
    add(s, units)
    s.dirty = true
  elseif refused and blocked <= now and blockMs > 0 then
    blocked, held = now + blockMs, true
  end
elseif op == 'penalty' and units > 0 then
  add(s, units)
  s.dirty = true
elseif op == 'reward' then
  local less = math.min(fixed, units)
  fixed, held = fixed - less, less > 0
  give(units - less)
elseif op == 'block' then
  blocked, held = now + ms, true
elseif op == 'set' or op == 'delete' then
  give(s.used)
  blocked, held = 0, true
  fixed, ends = op == 'set' and units or 0, now + ms
end

if s.dirty then
  if #s > 0 then save(KEYS[1], s) else redis.call('DEL', KEYS[1]) end
end
if held then
  local last = math.max(blocked, fixed > 0 and ends or 0)
  if last > now then
    redis.call('SET', KEYS[2], string.format('%.0f:%.0f:%.0f', fixed, ends, blocked), 'PX', string.format('%.0f', last - now))
  else
    redis.call('DEL', KEYS[2])
  end
end
if op == 'delete' then return { tonumber(ARGV[1]), known and 1 or 0, 0, 0, 0 } end

if refused then excess = math.max(excess, 1) else excess = 0 end
local total = s.used + fixed
local isBlocked = blocked > now
local full = isBlocked or total >= points
local wait = 0
if isBlocked then wait = blocked - now
elseif refused or full then wait = free(math.max(excess, total + 1 - points))
elseif total > 0 then wait = free(1) end
local consumed = refused and total + units or total
if isBlocked then consumed = math.max(consumed, points + 1) end
return { tonumber(ARGV[1]), consumed, wait, refused and 1 or 0, full and 1 or 0 }
`;
