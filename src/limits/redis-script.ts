/**
 * The window inside Redis: one script takes all claims of one request or none.
 *
 * A key holds its slots as text, `slot:units` pairs with the oldest first, and expires when the last of them has left
 * the window (but lives five seconds at least). The clock is Redis' own, so that replicas whose clocks differ still share one window. The state of a
 * refused request is not written.
 *
 * KEYS: one for each claim. ARGV: a number that comes back first in the reply (a reply of another request is then
 * recognised), the time in milliseconds or nothing for Redis' own, and for each claim its limit, window, slot length and weight.
 * Reply: that number, then for each claim: allowed (1 or 0), units left, milliseconds until the oldest use leaves,
 * milliseconds until the claim would fit (-1: never). Last the time.
 */
import type { Claim, Window } from './store.ts';
import { slotLength } from './window.ts';

/** Integers in the reply for each claim. */
export const REPLY_FIELDS = 4;

/**
 * Where the state of one key of one limit lives. The hash tag is the key, so in a Cluster all limits of one client are
 * on one shard and one script can take them. `per` is part of it: slots of another length cannot be read. An id never
 * holds `{` or `:`, so different claims never share a Redis key.
 */
export function redisKey(window: Window, key: string): string {
  const slots = window.slotMs === undefined ? window.perMs : `${window.perMs}/${window.slotMs}`;
  return `sluice:limit:${slots}:${window.id}:{${key}}`;
}

/** The script's arguments: how many keys, the keys, and what {@link TAKE_SCRIPT} says; `now` empty for Redis' own time. */
export function takeArguments(claims: readonly Claim[], sequence: number, now: number | ''): (string | number)[] {
  const args: (string | number)[] = [claims.length];
  for (const { window, key } of claims) args.push(redisKey(window, key));
  args.push(sequence, now);
  for (const { window, weight } of claims) args.push(window.limit, window.perMs, slotLength(window), weight);
  return args;
}

/**
 * The window in Lua, shared by the scripts: `now`, and `load`, `add` and `save` of one key. The second argument of a
 * script is the time or nothing.
 */
export const WINDOW_LUA = `
local now = tonumber(ARGV[2])
if not now then
  local time = redis.call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
end

-- What is not ours under our key (another type, or text that is no slot) counts as nothing and is replaced.
local function load(key, per, slot)
  local s = { per = per, slot = slot, current = math.floor(now / slot), used = 0, pending = 0, dirty = false }
  local raw = redis.pcall('GET', key)
  if type(raw) == 'table' then
    redis.call('DEL', key)
  elseif raw then
    for k, n in string.gmatch(raw, '(%d+):(%d+)') do
      k = tonumber(k)
      n = tonumber(n)
      -- The clock went back (a failover, a correction): what lies ahead happened, at the latest, now.
      if k > s.current then
        k = s.current
        s.dirty = true
      end
      if (k + 1) * slot + per > now then
        local last = #s
        if last > 0 and s[last - 1] == k then
          s[last] = s[last] + n
        else
          s[last + 1] = k
          s[last + 2] = n
        end
        s.used = s.used + n
      end
    end
  end
  return s
end

local function save(key, s)
  local text = {}
  for i = 1, #s, 2 do
    text[#text + 1] = string.format('%.0f:%.0f', s[i], s[i + 1])
  end
  -- Busy keys of short windows are rewritten, not deleted and made anew all the time.
  local ttl = math.max(5000, (s[#s - 1] + 1) * s.slot + s.per - now)
  redis.call('SET', key, table.concat(text, ' '), 'PX', string.format('%.0f', ttl))
end

local function add(s, units)
  local last = #s
  if last > 0 and s[last - 1] == s.current then
    s[last] = s[last] + units
  else
    s[last + 1] = s.current
    s[last + 2] = units
  end
  s.used = s.used + units
end
`;

/** The script, for `defineCommand`. */
export const TAKE_SCRIPT = `
${WINDOW_LUA}
local states, claims, granted = {}, {}, true
for i = 1, #KEYS do
  local at = 4 * i - 1
  local limit, weight = tonumber(ARGV[at]), tonumber(ARGV[at + 3])
  local s = states[KEYS[i]]
  if not s then
    s = load(KEYS[i], tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2]))
    states[KEYS[i]] = s
  end
  local excess = s.used + s.pending + weight - limit
  s.pending = s.pending + weight
  if excess > 0 then granted = false end
  claims[i] = { s, limit, excess }
end

for key, s in pairs(states) do
  if granted and s.pending > 0 then
    add(s, s.pending)
    save(key, s)
  elseif s.dirty then
    save(key, s)
  end
end

local reply = { tonumber(ARGV[1]) }
for i = 1, #claims do
  local s, limit, excess = claims[i][1], claims[i][2], claims[i][3]
  local reset, retry = 0, 0
  if #s > 0 then reset = (s[1] + 1) * s.slot + s.per - now end
  if excess > 0 then
    retry = -1
    local freed = 0
    for j = 1, #s, 2 do
      freed = freed + s[j + 1]
      if freed >= excess then
        retry = (s[j] + 1) * s.slot + s.per - now
        break
      end
    end
  end
  local n = #reply
  reply[n + 1] = excess > 0 and 0 or 1
  reply[n + 2] = math.max(0, limit - s.used)
  reply[n + 3] = reset
  reply[n + 4] = retry
end
reply[#reply + 1] = now
return reply
`;

/** The arguments of {@link GIVE_BACK_SCRIPT} for what was taken at that time. */
export function giveBackArguments(claims: readonly Claim[], at: number): (string | number)[] {
  const args: (string | number)[] = [claims.length];
  for (const { window, key } of claims) args.push(redisKey(window, key));
  for (const { window, weight } of claims) args.push(Math.floor(at / slotLength(window)), weight);
  return args;
}

/**
 * Gives units back, from the slot in which they were taken and from no other: what others took counts as long as it
 * must, and what was flushed meanwhile is not given twice.
 * KEYS: one for each claim. ARGV: for each claim the slot and the weight.
 */
export const GIVE_BACK_SCRIPT = `
for i = 1, #KEYS do
  local raw = redis.pcall('GET', KEYS[i])
  if type(raw) == 'string' then
    local slot, back, text = tonumber(ARGV[2 * i - 1]), tonumber(ARGV[2 * i]), {}
    for k, n in string.gmatch(raw, '(%d+):(%d+)') do
      local gone = tonumber(k) == slot and math.min(back, tonumber(n)) or 0
      if tonumber(n) > gone then text[#text + 1] = string.format('%s:%.0f', k, tonumber(n) - gone) end
    end
    if #text == 0 then redis.call('DEL', KEYS[i]) else redis.call('SET', KEYS[i], table.concat(text, ' '), 'KEEPTTL') end
  end
end
return #KEYS
`;
