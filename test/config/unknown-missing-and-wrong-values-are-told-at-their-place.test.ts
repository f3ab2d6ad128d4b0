import { after, checkCases, options, whole } from './cases.ts';

checkCases([
  // Keys.
  after(
    'polices: []\n',
    '6:1  polices  is not a known key; did you mean "policies"?; known keys: listen, admin, trusted_proxies, upstreams, routes, redis, policies, telemetry, server',
  ),
  after(
    'server: { dran: 5s }\n',
    '6:11  server.dran  is not a known key; did you mean "drain"?; known keys: drain, max_header_bytes, max_headers, max_url_bytes, max_connections, header_timeout, request_timeout, client_stall, max_peek_bytes, replay_bytes, held_bytes, shed',
  ),
  options('plain', '{ x: 1 }', '8:13  policies[0].with.x  is not a known key; none is allowed here'),
  whole('routes: [{ path: /, upstream: a }]\n', '1:1  needs `upstreams`: Providers and model servers by name'),
  whole(
    'upstreams: { a: { url: https://x.io } }\nroutes:\n  - path: /\n',
    '3:5  routes[0]  needs `upstream`: A name of `upstreams`',
  ),
  options('limit', '{}', '8:11  policies[0].with  needs `limit`: Most requests'),
  after('policies:\n  - policy: limit\n', '7:5  policies[0].with  needs `limit`: Most requests'),
  // One mistake, not an unknown and a missing key.
  options(
    'limit',
    '{ limt: 5 }',
    '8:13  policies[0].with.limt  is not a known key; did you mean "limit"?; known keys: limit, per, burst, mode, strict, share',
  ),
  whole(
    'upstreams: { "a b": { url: https://x.io } }\nroutes: [{ path: /, upstream: a b }]\n',
    '1:14  upstreams["a b"]  is no valid name here; a name must be 1 to 64 letters, digits, ".", "_" or "-"',
  ),
  after(
    'policies: [{ policy: plain, when: { header: { "x y": a } } }]\n',
    '6:47  policies[0].when.header["x y"]  is no valid name here; a name must be the name of a header',
  ),
  // Types.
  options('limit', '{ limit: abc }', '8:20  policies[0].with.limit  must be an integer from 1 to 1000, got "abc"'),
  options(
    'limit',
    '{ limit: "5" }',
    '8:20  policies[0].with.limit  must be an integer from 1 to 1000, got "5"; write it without quotes',
  ),
  options('limit', '{ limit: 0 }', '8:20  policies[0].with.limit  must be an integer from 1 to 1000, got 0'),
  options('limit', '{ limit: 1.5 }', '8:20  policies[0].with.limit  must be an integer from 1 to 1000, got 1.5'),
  options('limit', '{ limit: .inf }', '8:20  policies[0].with.limit  must be a finite number, got Infinity'),
  options(
    'limit',
    '{ limit: 1, strict: "true" }',
    '8:31  policies[0].with.strict  must be true or false, got "true"; write it without quotes',
  ),
  options('limit', '{ limit: 1, share: 2 }', '8:30  policies[0].with.share  must be a number from 0 to 1, got 2'),
  options('limit', '[]', '8:11  policies[0].with  must be a map, got a list'),
  options('limit', '', '8:5  policies[0].with  must be a map, got nothing; give it a value or remove the key'),
  after(
    'telemetry:\n',
    '6:1  telemetry  must be a map with traces, metrics, usage, logs, got nothing; give it a value or remove the key',
  ),
  after(
    'policies: [{ policy: plain, id: 5 }]\n',
    '6:33  policies[0].id  must be 1 to 64 letters, digits, ".", "_" or "-", got 5; put it in quotes',
  ),
  after(
    'policies: [{ policy: plain, when: {} }]\n',
    '6:35  policies[0].when  must be a map with at least 1 key, got a map',
  ),
  after('policies: [5]\n', '6:12  policies[0]  must be a map, got 5'),
  whole(
    'upstreams: { a: { url: https://x.io } }\nroutes: []\n',
    '2:9  routes  must be a list with at least 1 entry, got a list',
  ),
  whole('[1, 2]\n', '1:1  must be a map with keys such as upstreams and routes'),
  // Closed lists, unions.
  options(
    'limit',
    '{ limit: 1, mode: dney }',
    '8:29  policies[0].with.mode  must be one of shared, deny, got "dney"; did you mean "deny"?',
  ),
  after(
    'policies: [{ policy: plain, mode: off }]\n',
    '6:35  policies[0].mode  must be one of enforce, shadow, got "off"',
  ),
  whole(
    'upstreams: { a: { url: https://x.io } }\nroutes: [{ path: /, upstream: a, on_client_abort: stop }]\n',
    '2:51  routes[0].on_client_abort  must be cancel, or a map with drain, got "stop"',
  ),
  whole(
    'upstreams: { a: { url: https://x.io } }\nroutes: [{ path: /, upstream: a, on_client_abort: { drain: { max_seconds: 0, max_bytes: 1 } } }]\n',
    '2:75  routes[0].on_client_abort.drain.max_seconds  must be a number above 0, got 0',
  ),
  options(
    'keys',
    '{ source: { kind: remote, url: x, evry: 1 } }',
    '8:45  policies[0].with.source.evry  is not a known key; did you mean "every"?; known keys: kind, url, every',
  ),
  // The branch that its `kind` names was meant, although the other one is nearer.
  options(
    'keys',
    '{ source: { kind: static, value: 1, url: x, every: 1 } }',
    '8:47  policies[0].with.source.url  is not a known key; known keys: kind, value\n8:55  policies[0].with.source.every  is not a known key; known keys: kind, value',
  ),
  options(
    'keys',
    '{ source: 5 }',
    '8:21  policies[0].with.source  must be a map with kind, value, or a map with kind, url, every, got 5',
  ),
  after(
    'policies: [{ policy: plain, when: { tag: "" } }]\n',
    '6:42  policies[0].when.tag  must be a text that is not empty, or a list of such, got an empty string',
  ),
  options(
    'keys',
    '{ keys: [{ env: A, file: b }] }',
    '8:20  policies[0].with.keys[0]  must be either { env: NAME } or { file: path }, got a map',
  ),
  options(
    'keys',
    '{ keys: [{ env: A }, { env: B }, { env: C }] }',
    '8:19  policies[0].with.keys  must be a list with at most 2 entries, got a list',
  ),
  // What stands where a secret would is not repeated.
  options(
    'keys',
    '{ keys: [sk-abc] }',
    '8:20  policies[0].with.keys[0]  must be either { env: NAME } or { file: path }, got a text',
  ),
  options(
    'keys',
    '{ keys: [{ env: "sk-abc!" }] }',
    '8:27  policies[0].with.keys[0].env  must be the name of an environment variable, not its value, got a text',
  ),
  // Some keys are made of what a name may be made of.
  ...['gsk_', 'hf_', 'ghp_', 'AKIA'].map((prefix) =>
    options(
      'keys',
      `{ keys: [{ env: ${prefix}${prefix === 'AKIA' ? 'IOSFODNN7EXAMPLE' : 'abcDEF0123456789abcDEF'} }] }`,
      '8:27  policies[0].with.keys[0].env  must be the name of an environment variable, not its value; it looks like a key itself',
    ),
  ),
]);
