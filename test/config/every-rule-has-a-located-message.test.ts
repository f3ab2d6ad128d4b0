import assert from 'node:assert/strict';
import { test } from 'node:test';
import { base, problemsOf } from './sample.ts';

interface Case {
  /** What is put behind {@link base}, or a whole configuration. */
  readonly yaml: string;
  readonly whole?: boolean;
  /** The one line that must come, without the name of the file. */
  readonly says: string;
}

/** Begins at line 6, behind the base. */
const after = (yaml: string, says: string): Case => ({ yaml, says });
const whole = (yaml: string, says: string): Case => ({ yaml, whole: true, says });
const options = (policy: string, entry: string, says: string): Case =>
  after(`policies:\n  - policy: ${policy}\n    with: ${entry}\n`, says);
const url = (text: string, says: string): Case =>
  whole(`upstreams: { a: { url: "${text}" } }\nroutes: [{ path: /, upstream: a }]\n`, `1:22  upstreams.a.url  ${says}`);
const route = (path: string, says: string): Case =>
  whole(`upstreams: { a: { url: https://x.io } }\nroutes: [{ path: ${path}, upstream: a }]\n`, says);

const policiesAre = 'policies: keys, limit, plain';
const pathIs = 'must be a path that begins with "/", without spaces, dot segments, ? or #';

const cases: readonly Case[] = [
  // Keys.
  after('polices: []\n', '6:1  polices  is not a known key; did you mean "policies"?; known keys: listen, admin, trusted_proxies, upstreams, routes, redis, policies, telemetry, server'),
  after('server: { dran: 5s }\n', '6:11  server.dran  is not a known key; did you mean "drain"?; known keys: drain, max_header_bytes, max_peek_bytes, replay_bytes'),
  options('plain', '{ x: 1 }', '8:13  policies[0].with.x  is not a known key; none is allowed here'),
  whole('routes: [{ path: /, upstream: a }]\n', '1:1  needs `upstreams`: Providers and model servers by name'),
  whole('upstreams: { a: { url: https://x.io } }\nroutes:\n  - path: /\n', '3:5  routes[0]  needs `upstream`: A name of `upstreams`'),
  options('limit', '{}', '8:11  policies[0].with  needs `limit`: Most requests'),
  after('policies:\n  - policy: limit\n', '7:5  policies[0].with  needs `limit`: Most requests'),
  // One mistake, not an unknown and a missing key.
  options('limit', '{ limt: 5 }', '8:13  policies[0].with.limt  is not a known key; did you mean "limit"?; known keys: limit, per, burst, mode, strict, share'),
  whole('upstreams: { "a b": { url: https://x.io } }\nroutes: [{ path: /, upstream: a b }]\n', '1:14  upstreams["a b"]  is no valid name here; a name must be 1 to 64 letters, digits, ".", "_" or "-"'),
  after('policies: [{ policy: plain, when: { header: { "x y": a } } }]\n', '6:47  policies[0].when.header["x y"]  is no valid name here; a name must be the name of a header'),
  // Types.
  options('limit', '{ limit: abc }', '8:20  policies[0].with.limit  must be an integer from 1 to 1000, got "abc"'),
  options('limit', '{ limit: "5" }', '8:20  policies[0].with.limit  must be an integer from 1 to 1000, got "5"; write it without quotes'),
  options('limit', '{ limit: 0 }', '8:20  policies[0].with.limit  must be an integer from 1 to 1000, got 0'),
  options('limit', '{ limit: 1.5 }', '8:20  policies[0].with.limit  must be an integer from 1 to 1000, got 1.5'),
  options('limit', '{ limit: .inf }', '8:20  policies[0].with.limit  must be a finite number, got Infinity'),
  options('limit', '{ limit: 1, strict: "true" }', '8:31  policies[0].with.strict  must be true or false, got "true"; write it without quotes'),
  options('limit', '{ limit: 1, share: 2 }', '8:30  policies[0].with.share  must be a number from 0 to 1, got 2'),
  options('limit', '[]', '8:11  policies[0].with  must be a map, got a list'),
  options('limit', '', '8:5  policies[0].with  must be a map, got nothing; give it a value or remove the key'),
  after('telemetry:\n', '6:1  telemetry  must be a map with traces, metrics, usage, logs, got nothing; give it a value or remove the key'),
  after('policies: [{ policy: plain, id: 5 }]\n', '6:33  policies[0].id  must be 1 to 64 letters, digits, ".", "_" or "-", got 5; put it in quotes'),
  after('policies: [{ policy: plain, when: {} }]\n', '6:35  policies[0].when  must be a map with at least 1 key, got a map'),
  after('policies: [5]\n', '6:12  policies[0]  must be a map, got 5'),
  whole('upstreams: { a: { url: https://x.io } }\nroutes: []\n', '2:9  routes  must be a list with at least 1 entry, got a list'),
  whole('[1, 2]\n', '1:1  must be a map with keys such as upstreams and routes'),
  // Closed lists, unions.
  options('limit', '{ limit: 1, mode: dney }', '8:29  policies[0].with.mode  must be one of shared, deny, got "dney"; did you mean "deny"?'),
  after('policies: [{ policy: plain, mode: off }]\n', '6:35  policies[0].mode  must be one of enforce, shadow, got "off"'),
  whole('upstreams: { a: { url: https://x.io } }\nroutes: [{ path: /, upstream: a, on_client_abort: stop }]\n', '2:51  routes[0].on_client_abort  must be cancel, or a map with drain, got "stop"'),
  whole('upstreams: { a: { url: https://x.io } }\nroutes: [{ path: /, upstream: a, on_client_abort: { drain: { max_seconds: 0, max_bytes: 1 } } }]\n', '2:75  routes[0].on_client_abort.drain.max_seconds  must be a number above 0, got 0'),
  options('keys', '{ source: { kind: remote, url: x, evry: 1 } }', '8:37  policies[0].with.source.evry  is not a known key; did you mean "every"?; known keys: kind, url, every'),
  options('keys', '{ source: 5 }', '8:21  policies[0].with.source  must be a map with kind, value, or a map with kind, url, every, got 5'),
  after('policies: [{ policy: plain, when: { tag: "" } }]\n', '6:42  policies[0].when.tag  must be a text that is not empty, or a list of such, got an empty string'),
  options('keys', '{ keys: [{ env: A, file: b }] }', '8:19  policies[0].with.keys[0]  must be either { env: NAME } or { file: path }, got a map'),
  options('keys', '{ keys: [{ env: A }, { env: B }, { env: C }] }', '8:19  policies[0].with.keys  must be a list with at most 2 entries, got a list'),
  // What stands where a secret would is not repeated.
  options('keys', '{ keys: [sk-abc] }', '8:19  policies[0].with.keys[0]  must be either { env: NAME } or { file: path }, got a text'),
  options('keys', '{ keys: [{ env: "sk-abc!" }] }', '8:26  policies[0].with.keys[0].env  must be the name of an environment variable, not its value, got a text'),
  // Durations, sizes, shares.
  ...['5', '5 s', '1d', '1m30s', '-1s', '""', '9999h'].map((text) =>
    after(`server: { drain: ${text} }\n`, `6:18  server.drain  must be a duration (250ms, 5s, 2m, 1h), or 0${{ '5': '; it needs a unit, got 5', '""': ', got an empty string', '9999h': ', at most 596h, got "9999h"' }[text] ?? `, got "${text}"`}`),
  ),
  after('server: { drain: 0.0001ms }\n', '6:18  server.drain  must be a duration (250ms, 5s, 2m, 1h), or 0, got "0.0001ms"'),
  options('limit', '{ limit: 1, per: 500ms }', '8:28  policies[0].with.per  must be a duration (250ms, 5s, 2m, 1h) from 1s to 1h, got "500ms"'),
  options('limit', '{ limit: 1, per: 2h }', '8:28  policies[0].with.per  must be a duration (250ms, 5s, 2m, 1h) from 1s to 1h, got "2h"'),
  options('limit', '{ limit: 1, burst: 10 }', '8:30  policies[0].with.burst  must be a size (512, 64KiB, 1MiB) from 1KiB to 1MiB, got 10'),
  after('server: { max_header_bytes: 16KB }\n', '6:29  server.max_header_bytes  must be a size (512, 64KiB, 1MiB), got "16KB"'),
  ...['101%', '50', '-1%', '"%"'].map((text) =>
    after(`policies: [{ policy: plain, rollout: ${text} }]\n`, `6:38  policies[0].rollout  must be a share from 0% to 100%, got ${text === '50' ? '50; put it in quotes' : JSON.stringify(text.replaceAll('"', ''))}`),
  ),
  // Addresses.
  ...['10.0.0.0/33', '10.1', '010.0.0.1', '2130706433/8', 'fe80::1%eth0', 'x', '::/129', '1.2.3.4/'].map((text) =>
    after(`trusted_proxies: ["${text}"]\n`, `6:19  trusted_proxies[0]  must be an address or a CIDR (10.0.0.0/8, ::1/128), got "${text}"`),
  ),
  after('policies: [{ policy: plain, when: { client: [10.0.0.1, x] } }]\n', '6:56  policies[0].when.client[1]  must be an address or a CIDR (10.0.0.0/8, ::1/128), got "x"'),
  after('listen: 7480\n', '6:9  listen  must be host:port (localhost:7480, 0.0.0.0:7480, [::]:7480), or a list of such, got 7480; put it in quotes'),
  after('listen: "7480"\n', '6:9  listen  needs a host before the port, e.g. localhost:7480, got "7480"'),
  after('listen: ":7480"\n', '6:9  listen  needs a host: 0.0.0.0:7480 for all of IPv4, "[::]:7480" for all, or localhost:7480, got ":7480"'),
  after('listen: "::1:7480"\n', '6:9  listen  has an IPv6 address without brackets; write "[::1]:7480", got "::1:7480"'),
  after('listen: [localhost:1, "a.example:2"]\n', '6:23  listen[1]  must name localhost or an IP address to listen on; other names are not looked up, got "a.example:2"'),
  after('listen: localhost:70000\n', '6:9  listen  has a port above 65535, got "localhost:70000"'),
  after('admin: "[::]"\n', '6:8  admin  must be host:port, e.g. localhost:7480, 0.0.0.0:7480 or [::]:7480, got "[::]"'),
  after('admin: "127.0.0.1:7480"\n', '6:8  admin  wants 127.0.0.1:7480, which another listener has; use another port'),
  after('listen: "[::]:7490"\n', '1:1  admin  wants 127.0.0.1:7490, which [::]:7490 takes; use another port'),
  after('listen: ["0.0.0.0:80", "127.0.0.1:80"]\n', '6:24  listen[1]  wants 127.0.0.1:80, which 0.0.0.0:80 takes; use another port'),
  // URLs.
  url('ftp://x.io', 'must be an http:// or https:// URL; its scheme is another one'),
  url('x.io', 'must be an http:// or https:// URL; it needs a scheme and a host'),
  url('https:x.io', 'must be an http:// or https:// URL; it needs a scheme and a host'),
  url('https://', 'must be an http:// or https:// URL; it needs a scheme and a host'),
  url('https://u:hunter2@x.io', 'must be an http:// or https:// URL; it holds a user name or password, which belong elsewhere'),
  url('https://x.io?a=b', 'must be an http:// or https:// URL; it has a query (?…)'),
  url('https://x.io/#a', 'must be an http:// or https:// URL; it has a fragment (#…)'),
  url('https://x.io:0', 'must be an http:// or https:// URL; its port is 0'),
  url('https://x.io:99999', 'must be an http:// or https:// URL; its host or port is not valid'),
  url('https://x .io', 'must be an http:// or https:// URL; it has a space, a backslash or a control character in it'),
  url('https://x.io\\\\@y.io', 'must be an http:// or https:// URL; it has a space, a backslash or a control character in it'),
  url('', 'must be an http:// or https:// URL; it is empty'),
  after('redis: { url: "http://:hunter2@r:6379" }\n', '6:15  redis.url  must be a redis:// or rediss:// URL or empty; its scheme is another one'),
  after('telemetry: { traces: { endpoint: "jaeger:4318" } }\n', '6:34  telemetry.traces.endpoint  must be an http:// or https:// URL or empty; it needs a scheme and a host'),
  whole('upstreams: { a: { url: https://x.io, egress_proxy: "https://p:1" } }\nroutes: [{ path: /, upstream: a }]\n', '1:52  upstreams.a.egress_proxy  must be an http:// URL or empty; its scheme is another one'),
  whole('upstreams: { a: { url: https://x.io, egress_proxy: "http://p:1/x" } }\nroutes: [{ path: /, upstream: a }]\n', '1:52  upstreams.a.egress_proxy  must be an http:// URL or empty; it has a path'),
  options('keys', '{ jwks: http://x.io }', '8:19  policies[0].with.jwks  must be an https:// URL; its scheme is another one'),
  // Upstreams that are not on the internet; each spelling of the address.
  ...['http://localhost:1', 'http://a.localhost', 'http://LOCALHOST.', 'http://127.1', 'http://2130706433', 'http://0x7f.0.0.1', 'http://[::1]', 'http://[::ffff:127.0.0.1]'].map((text) =>
    url(text, 'leads to a loopback address; set `allow_private: true` in this upstream if that is meant'),
  ),
  url('http://10.0.0.1', 'leads to a private address; set `allow_private: true` in this upstream if that is meant'),
  url('http://169.254.169.254/latest', 'leads to a linkLocal address; set `allow_private: true` in this upstream if that is meant'),
  // References.
  after('policies: [{ policy: limti, with: {} }]\n', `6:22  policies[0].policy  is no policy that is known here; did you mean "limit"?; ${policiesAre}`),
  after('policies: [{ policy: __proto__x }]\n', `6:22  policies[0].policy  is no policy that is known here; ${policiesAre}`),
  after('policies: [{ policy: plain, when: { upstream: opnai } }]\n', '6:47  policies[0].when.upstream  names no upstream that exists; did you mean "openai"?; upstreams: openai, local'),
  after('policies: [{ policy: plain, when: { upstream: [openai, toString] } }]\n', '6:56  policies[0].when.upstream[1]  names no upstream that exists; upstreams: openai, local'),
  after('policies: [{ policy: plain, when: { route: /opena } }]\n', '6:44  policies[0].when.route  names no route that exists; did you mean "/openai"?; routes: /openai'),
  whole('upstreams: { a: { url: https://x.io } }\nroutes: [{ path: /, upstream: b }]\n', '2:31  routes[0].upstream  names no upstream that exists; did you mean "a"?; upstreams: a'),
  whole('upstreams: { a: { url: https://x.io } }\nroutes:\n  - { path: /a, upstream: a }\n  - { path: /a/, upstream: a }\n', '4:11  routes[1].path  is the path of another route already, at proxy.yaml:3:11; give one of them another path'),
  ...['a', '"/a b"', '/a/../b', '/a?b', '"/a#b"', '/ä'].map((path) =>
    route(path, `2:18  routes[0].path  ${pathIs}, got "${path.replaceAll('"', '')}"`),
  ),
  after('policies:\n  - policy: plain\n  - { policy: limit, id: plain, with: { limit: 1 } }\n', '8:26  policies[1].id  has the same id as the entry at proxy.yaml:7:13; give one of them another `id`'),
  after('policies: [{ policy: plain, before: limit }]\n', '6:29  policies[0].before  is only for overlays, i.e. the second and later files; here the order of the list counts'),
];

for (const { yaml, whole: isWhole, says } of cases) {
  test(`${JSON.stringify(yaml)} → ${says}`, () => {
    assert.deepEqual(problemsOf(isWhole === true ? yaml : base + yaml), [`proxy.yaml:${says}`.replace('  undefined', '')]);
  });
}
