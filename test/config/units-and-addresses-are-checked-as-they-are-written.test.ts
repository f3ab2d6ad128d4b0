import { after, checkCases, options } from './cases.ts';

checkCases([
  // Durations, sizes, shares.
  ...['5', '5 s', '1d', '1m30s', '-1s', '""', '9999h'].map((text) =>
    after(
      `server: { drain: ${text} }\n`,
      `6:18  server.drain  must be a duration (250ms, 5s, 2m, 1h), or 0${{ '5': '; it needs a unit, got 5', '""': ', got an empty string', '9999h': ', at most 596h, got "9999h"' }[text] ?? `, got "${text}"`}`,
    ),
  ),
  after(
    'server: { drain: 0.0001ms }\n',
    '6:18  server.drain  must be a duration (250ms, 5s, 2m, 1h), or 0, got "0.0001ms"',
  ),
  options(
    'limit',
    '{ limit: 1, per: 500ms }',
    '8:28  policies[0].with.per  must be a duration (250ms, 5s, 2m, 1h) from 1s to 1h, got "500ms"',
  ),
  options(
    'limit',
    '{ limit: 1, per: 2h }',
    '8:28  policies[0].with.per  must be a duration (250ms, 5s, 2m, 1h) from 1s to 1h, got "2h"',
  ),
  options(
    'limit',
    '{ limit: 1, burst: 10 }',
    '8:30  policies[0].with.burst  must be a size (512, 64KiB, 1MiB) from 1KiB to 1MiB, got 10',
  ),
  after(
    'server: { max_header_bytes: 16KB }\n',
    '6:29  server.max_header_bytes  must be a size (512, 64KiB, 1MiB), got "16KB"',
  ),
  ...['101%', '50', '-1%', '"%"'].map((text) =>
    after(
      `policies: [{ policy: plain, rollout: ${text} }]\n`,
      `6:38  policies[0].rollout  must be a share from 0% to 100%, got ${text === '50' ? '50' : JSON.stringify(text.replaceAll('"', ''))}`,
    ),
  ),
  // Addresses.
  ...['10.0.0.0/33', '10.1', '010.0.0.1', '2130706433/8', 'fe80::1%eth0', 'x', '::/129', '1.2.3.4/'].map((text) =>
    after(
      `trusted_proxies: ["${text}"]\n`,
      `6:19  trusted_proxies[0]  must be an address or a CIDR (10.0.0.0/8, ::1/128), got "${text}"`,
    ),
  ),
  after(
    'policies: [{ policy: plain, when: { client: [10.0.0.1, x] } }]\n',
    '6:56  policies[0].when.client[1]  must be an address or a CIDR (10.0.0.0/8, ::1/128), got "x"',
  ),
  after(
    'listen: 7480\n',
    '6:9  listen  must be host:port (localhost:7480, 0.0.0.0:7480, [::]:7480), or a map with address, trust_inbound_trace, or a list of such, got 7480',
  ),
  after('listen: "7480"\n', '6:9  listen  needs a host before the port, e.g. localhost:7480, got "7480"'),
  after(
    'listen: ":7480"\n',
    '6:9  listen  needs a host: 0.0.0.0:7480 for all of IPv4, "[::]:7480" for all, or localhost:7480, got ":7480"',
  ),
  after(
    'listen: "::1:7480"\n',
    '6:9  listen  has an IPv6 address without brackets; write "[::1]:7480", got "::1:7480"',
  ),
  after(
    'listen: [localhost:1, "a.example:2"]\n',
    '6:23  listen[1]  must name localhost or an IP address to listen on; other names are not looked up, got "a.example:2"',
  ),
  after('listen: localhost:70000\n', '6:9  listen  has a port above 65535, got "localhost:70000"'),
  after('admin: "[::]"\n', '6:8  admin  must be host:port, e.g. localhost:7480, 0.0.0.0:7480 or [::]:7480, got "[::]"'),
  after('admin: "127.0.0.1:7480"\n', '6:8  admin  wants 127.0.0.1:7480, which another listener has; use another port'),
  after('listen: "[::]:7490"\n', '1:1  admin  wants 127.0.0.1:7490, which [::]:7490 takes; use another port'),
  after(
    'listen: ["0.0.0.0:80", "127.0.0.1:80"]\n',
    '6:24  listen[1]  wants 127.0.0.1:80, which 0.0.0.0:80 takes; use another port',
  ),
]);
