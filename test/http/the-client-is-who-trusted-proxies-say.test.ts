import assert from 'node:assert/strict';
import { test } from 'node:test';
import { normalizeCidr } from '../../src/config/cidr.ts';
import { clientAddress, compileCidrs } from '../../src/http/client-address.ts';
import { clientKey } from '../../src/limits/key.ts';
import { connectRaw } from '../support/raw-client.ts';
import { startRawUpstream } from '../support/raw-upstream.ts';
import { startProxy } from '../support/start-proxy.ts';
import { cases, TRUSTED } from './forwarded-for.ts';

const OK = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok';

/** Networks as the configuration hands them on. */
function matcher(cidrs: readonly string[]) {
  return compileCidrs(cidrs.map((cidr) => normalizeCidr(cidr) ?? assert.fail(cidr)));
}

test(`the client of each of ${cases.length} requests is the first hop from the right that is not a trusted proxy`, () => {
  assert.ok(cases.length >= 100);
  for (const { peer, lines, client, trusted = TRUSTED } of cases) {
    const said = `${peer} ${JSON.stringify(lines).slice(0, 200)} trusting ${trusted.join()}`;
    assert.equal(clientAddress(peer, lines, matcher(trusted)), client, said);
    assert.equal(clientAddress(peer, lines, compileCidrs(trusted)), client, `${said}, as written`);
  }
});

test('what is no network is not compiled', () => {
  for (const cidr of ['', '10', '010.0.0.0/8', '10.0.0.0/33', '10.0.0.0/', '10.0.0.0/-1', '10.0.0.0/8/8', '::/129']) {
    assert.throws(() => compileCidrs([cidr]), cidr);
    assert.equal(normalizeCidr(cidr), undefined, cidr);
  }
  assert.equal(normalizeCidr('::10.0.0.1'), '::a00:1/128', 'IPv4-compatible is not IPv4-mapped');
});

test('a header full of hops, or of anything else, costs linear time', () => {
  const trusted = matcher(['0.0.0.0/0']);
  const parts = ['1.1.1.1,', ',', ' ', '[', '%', '1', ':', '[:', '1.1.1.1:', ' \t', '[:%', '::'];
  for (const part of parts) {
    const time = (bytes: number) => {
      const header = part.repeat(bytes / part.length);
      const began = performance.now();
      clientAddress('10.0.0.1', [`${header}1.1.1.1`], trusted);
      return performance.now() - began;
    };
    // Sixteen times what a header can hold: quadratic, it would be 10 billion steps.
    assert.ok(time(262_144) < 3000, part);
  }
});

test('one client has one key of limits however its address is spelt, and IPv6 one for each prefix', () => {
  const keyOf = (hop: string, ipv6Prefix = 64) =>
    clientKey(clientAddress('10.0.0.1', [hop], matcher(TRUSTED)), { ipv6Prefix, podName: 'pod' });
  for (const spelt of ['1.1.1.1', '1.1.1.1:80', '::ffff:1.1.1.1', '::FFFF:101:101', '[::ffff:1.1.1.1]:9']) {
    assert.equal(keyOf(spelt), 'ip:1.1.1.1', spelt);
  }
  for (const spelt of ['2606:4700::1', '2606:4700:0:0::ffff', '[2606:4700::ABCD%x]:1', '2606:4700:0000:0:1:2:3:4']) {
    assert.equal(keyOf(spelt), 'ip:2606:4700::/64', spelt);
  }
  assert.equal(keyOf('2606:4700:0:1::1'), 'ip:2606:4700:0:1::/64');
  assert.equal(keyOf('2606:4700:1:2::1', 48), 'ip:2606:4700:1::/48');
  assert.equal(keyOf('2606:4700::1', 128), 'ip:2606:4700::1/128');
  assert.equal(keyOf('::10.1.1.1', 128), 'ip:::a01:101/128', 'no other form is taken for IPv4');
  for (const loopback of ['127.0.0.1', '127.9.9.9', '::1', '::ffff:127.0.0.1']) {
    assert.equal(keyOf(loopback), 'ip:loopback@pod', loopback);
  }
});

const throughProxy: readonly [what: string, headers: readonly string[], client: string][] = [
  ['no header', [], '127.0.0.1'],
  ['one hop', ['X-Forwarded-For: 1.1.1.1'], '1.1.1.1'],
  ['several hops', ['X-Forwarded-For: 6.6.6.6, 1.1.1.1, 10.0.0.2'], '1.1.1.1'],
  [
    'several lines in any case',
    ['x-forwarded-for: 6.6.6.6', 'X-FORWARDED-FOR: 1.1.1.1', 'x-Forwarded-For: 10.0.0.2'],
    '1.1.1.1',
  ],
  ['other lines between', ['x-forwarded-for: 1.1.1.1', 'accept: */*', 'x-forwarded-for: 10.0.0.2'], '1.1.1.1'],
  ['an empty line last', ['x-forwarded-for: 1.1.1.1', 'x-forwarded-for:'], '127.0.0.1'],
  ['mapped IPv4', ['x-forwarded-for: ::ffff:1.1.1.1'], '1.1.1.1'],
  ['brackets and port', ['x-forwarded-for: [2606:4700::1]:443'], '2606:4700::1'],
  ['a zone', ['x-forwarded-for: fe80::1%eth0'], 'fe80::1'],
  ['octal', ['x-forwarded-for: 010.0.0.1'], '127.0.0.1'],
  ['garbage', ['x-forwarded-for: \xff\xfe, 1.1.1.1;'], '127.0.0.1'],
  ['a hidden identifier', ['x-forwarded-for: _hidden, 10.0.0.2'], '10.0.0.2'],
  ['many hops', [`x-forwarded-for: ${'10.0.0.2,'.repeat(1500)} 10.0.0.3`], '10.0.0.2'],
  ['Forwarded', ['forwarded: for=1.1.1.1;host=a;proto=https'], '127.0.0.1'],
  ['X-Real-IP', ['x-real-ip: 1.1.1.1'], '127.0.0.1'],
  ['X-Client-IP', ['x-client-ip: 1.1.1.1', 'client-ip: 1.1.1.1', 'true-client-ip: 1.1.1.1'], '127.0.0.1'],
  [
    'those of CDNs',
    ['cf-connecting-ip: 1.1.1.1', 'fastly-client-ip: 1.1.1.1', 'x-cluster-client-ip: 1.1.1.1'],
    '127.0.0.1',
  ],
  ['a spelling that is another header', ['x-forwarded: for=1.1.1.1'], '127.0.0.1'],
  ['one source only', ['x-real-ip: 6.6.6.6', 'x-forwarded-for: 1.1.1.1', 'forwarded: for=6.6.6.6'], '1.1.1.1'],
];

for (const kind of ['HTTP', 'WebSocket']) {
  test(`${kind}: the client of the access log is the one that trusted proxies name`, async (t) => {
    const upstream = await startRawUpstream((exchange) => void exchange.write(OK), { t });
    const trusting = {
      extra: { trusted_proxies: ['127.0.0.0/8', '10.0.0.0/8'], server: { max_header_bytes: '32KiB' } },
    };
    const proxy = await startProxy({ upstream: upstream.url, ...trusting }, { t });
    const upgrade = [
      'connection: Upgrade',
      'upgrade: websocket',
      'sec-websocket-version: 13',
      `sec-websocket-key: ${'a'.repeat(22)}==`,
    ];
    for (const [i, [what, headers, client]] of throughProxy.entries()) {
      const raw = await connectRaw(proxy.url);
      const lines = [
        'GET /openai/x HTTP/1.1',
        'host: x',
        `x-request-id: r${i}`,
        ...headers,
        ...(kind === 'HTTP' ? [] : upgrade),
      ];
      await raw.send(`${lines.join('\r\n')}\r\n\r\n`);
      await raw.head();
      raw.destroy();
      const line = await proxy.logged(({ request_id }) => request_id === `r${i}`);
      assert.equal(line.client, client, what);
    }
    assert.equal(upstream.exchanges.length, throughProxy.length);
    const identifying = /forwarded|-ip$/i;
    const names = upstream.exchanges.flatMap(({ head }) => head.lines.map(([name]) => name));
    const leaked = names.filter((name) => identifying.test(name));
    assert.deepEqual(leaked, [], 'the provider is not told');
  });
}

test('nobody is believed by default', async (t) => {
  const upstream = await startRawUpstream((exchange) => void exchange.write(OK), { t });
  const proxy = await startProxy({ upstream: upstream.url }, { t });
  await fetch(`${proxy.url}/openai/x`, { headers: { 'x-forwarded-for': '1.1.1.1' } });
  assert.equal((await proxy.logged(({ msg }) => msg === 'exchange')).client, '127.0.0.1');
});
