import { after, checkCases, options, url, whole } from './cases.ts';

const policiesAre = 'policies: keys, limit, plain';
const pathIs = 'must be a path that begins with "/", without spaces, dot segments, ? or #';
const route = (path: string, says: string) =>
  whole(`upstreams: { a: { url: https://x.io } }\nroutes: [{ path: ${path}, upstream: a }]\n`, says);

checkCases([
  // URLs.
  url('ftp://x.io', 'must be an http:// or https:// URL; its scheme is another one'),
  url('x.io', 'must be an http:// or https:// URL; it needs a scheme and a host'),
  url('https:x.io', 'must be an http:// or https:// URL; it needs a scheme and a host'),
  url('https://', 'must be an http:// or https:// URL; it needs a scheme and a host'),
  url(
    'https://u:hunter2@x.io',
    'must be an http:// or https:// URL; it holds a user name or password, which belong elsewhere',
  ),
  url('https://x.io?a=b', 'must be an http:// or https:// URL; it has a query (?…)'),
  url('https://x.io/#a', 'must be an http:// or https:// URL; it has a fragment (#…)'),
  url('https://x.io:0', 'must be an http:// or https:// URL; its port is 0'),
  url('https://x.io:99999', 'must be an http:// or https:// URL; its host or port is not valid'),
  url('https://x .io', 'must be an http:// or https:// URL; it has a space, a backslash or a control character in it'),
  url(
    'https://x.io\\\\@y.io',
    'must be an http:// or https:// URL; it has a space, a backslash or a control character in it',
  ),
  url('', 'must be an http:// or https:// URL; it is empty'),
  after(
    'redis: { url: "http://:hunter2@r:6379" }\n',
    '6:15  redis.url  must be a redis://, rediss://, redis+sentinel://, rediss+sentinel://, redis+cluster://, rediss+cluster:// URL or empty; its scheme is another one',
  ),
  after(
    'telemetry: { traces: { endpoint: "jaeger:4318" } }\n',
    '6:34  telemetry.traces.endpoint  must be an http:// or https:// URL or empty; it needs a scheme and a host',
  ),
  whole(
    'upstreams: { a: { url: https://x.io, egress_proxy: "https://p:1" } }\nroutes: [{ path: /, upstream: a }]\n',
    '1:52  upstreams.a.egress_proxy  must be an http:// URL or empty; its scheme is another one',
  ),
  whole(
    'upstreams: { a: { url: https://x.io, egress_proxy: "http://p:1/x" } }\nroutes: [{ path: /, upstream: a }]\n',
    '1:52  upstreams.a.egress_proxy  must be an http:// URL or empty; it has a path',
  ),
  options(
    'keys',
    '{ jwks: http://x.io }',
    '8:19  policies[0].with.jwks  must be an https:// URL; its scheme is another one',
  ),
  // Upstreams that are not on the internet; each spelling of the address.
  ...[
    'http://localhost:1',
    'http://a.localhost',
    'http://LOCALHOST.',
    'http://127.1',
    'http://2130706433',
    'http://0x7f.0.0.1',
    'http://[::1]',
    'http://[::ffff:127.0.0.1]',
  ].map((text) =>
    url(
      text,
      'leads to an address that is not public (loopback); set `allow_private: true` in this upstream if that is meant',
    ),
  ),
  url(
    'http://10.0.0.1',
    'leads to an address that is not public (private); set `allow_private: true` in this upstream if that is meant',
  ),
  url(
    'http://169.254.169.254/latest',
    'leads to an address that is not public (cloud metadata); set `allow_private: true` in this upstream if that is meant',
  ),
  // References.
  after(
    'policies: [{ policy: limti, with: {} }]\n',
    `6:22  policies[0].policy  is no policy that is known here; did you mean "limit"?; ${policiesAre}`,
  ),
  after(
    'policies: [{ policy: __proto__x }]\n',
    `6:22  policies[0].policy  is no policy that is known here; ${policiesAre}`,
  ),
  after(
    'policies: [{ policy: plain, when: { upstream: opnai } }]\n',
    '6:47  policies[0].when.upstream  names no upstream that exists; did you mean "openai"?; upstreams: openai, local',
  ),
  after(
    'policies: [{ policy: plain, when: { upstream: [openai, toString] } }]\n',
    '6:56  policies[0].when.upstream[1]  names no upstream that exists; upstreams: openai, local',
  ),
  after(
    'policies: [{ policy: plain, when: { route: /opena } }]\n',
    '6:44  policies[0].when.route  names no route that exists; did you mean "/openai"?; routes: /openai',
  ),
  whole(
    'upstreams: { a: { url: https://x.io } }\nroutes: [{ path: /, upstream: b }]\n',
    '2:31  routes[0].upstream  names no upstream that exists; did you mean "a"?; upstreams: a',
  ),
  whole(
    'upstreams: { a: { url: https://x.io } }\nroutes:\n  - { path: /a, upstream: a }\n  - { path: /a/, upstream: a }\n',
    '4:13  routes[1].path  is the path of another route already, at proxy.yaml:3:13; give one of them another path',
  ),
  ...['a', '"/a b"', '/a/../b', '/a?b', '"/a#b"', '/ä'].map((path) =>
    route(path, `2:18  routes[0].path  ${pathIs}, got "${path.replaceAll('"', '')}"`),
  ),
  after(
    'policies:\n  - policy: plain\n  - { policy: limit, id: plain, with: { limit: 1 } }\n',
    '8:26  policies[1].id  has the same id as the entry at proxy.yaml:7:13; give one of them another `id`',
  ),
  after(
    'policies: [{ policy: plain, before: limit }]\n',
    '6:29  policies[0].before  is only for overlays, i.e. the second and later files; here the order of the list counts',
  ),
]);
