import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { fetchKeySet, type KeySetLocation } from '../../src/auth/fetch-key-set.ts';
import { parseJwkSet } from '../../src/auth/jwk-set.ts';
import { mountedFile } from '../support/client-keys.ts';
import { selfSignedCertificate } from '../support/self-signed-certificate.ts';
import { rsaSigner, startIssuer } from '../support/token-issuer.ts';

const never = new AbortController().signal;

function at(url: string, more: Partial<KeySetLocation> = {}): KeySetLocation {
  return { url, ca: undefined, token: undefined, allowPrivate: true, egressProxy: '', ...more };
}

test('what an issuer may answer: 200 and a key set of at most 256 KiB, within five seconds; nothing else is taken', async (t) => {
  const { jwk } = await rsaSigner('1');
  const other = await startIssuer(t, [jwk]);
  const cases: [name: string, answer: (response: ServerResponse) => void, fault: RegExp][] = [
    ['a redirect', (response) => response.writeHead(302, { location: other.url }).end(), /status 302/],
    ['an error', (response) => response.writeHead(500).end(JSON.stringify({ keys: [jwk] })), /status 500/],
    ['nothing', (response) => response.writeHead(204).end(), /status 204/],
    ['HTML', (response) => response.end('<html>Sign in</html>'), /not JSON/],
    ['cut JSON', (response) => response.end('{"keys":['), /not JSON/],
    ['a list', (response) => response.end('[]'), /no list `keys`/],
    ['keys that are no list', (response) => response.end('{"keys":{"length":1}}'), /no list `keys`/],
    ['no keys', (response) => response.end('{"keys":[]}'), /no public key/],
    [
      'odd keys',
      (response) => response.end('{"keys":[null,1,"x",[],{},{"kty":"RSA"},{"kty":"EC","crv":"x"}]}'),
      /no public/,
    ],
    [
      'a symmetric key',
      (response) => response.end('{"keys":[{"kty":"oct","k":"c2VjcmV0","alg":"RS256"}]}'),
      /no public/,
    ],
    ['100 keys', (response) => response.end(JSON.stringify({ keys: Array(100).fill(jwk) })), /more than 64/],
    ['a huge body', (response) => response.end(Buffer.alloc(300 * 1024, 32)), /larger than/],
    ['an endless body', endless, /larger than/],
    ['a reset', (response) => response.destroy(), /./],
  ];
  for (const [name, answer, fault] of cases) {
    const issuer = await startIssuer(t);
    issuer.answer = answer;
    const before = performance.now();
    await assert.rejects(fetchKeySet(at(issuer.url), never).then(parseJwkSet), fault, name);
    assert.ok(performance.now() - before < 5_000, name);
  }
  assert.equal(other.asked, 0, 'no redirect was followed');
  assert.equal(parseJwkSet(await fetchKeySet(at(other.url), never)).length, 1);
});

test('an issuer that hangs or drips is given up after five seconds', async (t) => {
  const silent = await startIssuer(t);
  silent.answer = () => undefined;
  const dripping = await startIssuer(t);
  let timer: NodeJS.Timeout | undefined;
  t.after(() => clearInterval(timer));
  dripping.answer = (response) => {
    timer = setInterval(() => response.write(' '), 200);
  };
  const before = performance.now();
  await Promise.all([
    assert.rejects(fetchKeySet(at(silent.url), never), /no whole answer/),
    assert.rejects(fetchKeySet(at(dripping.url), never), /no whole answer/),
  ]);
  assert.ok(performance.now() - before < 6_500);
});

test('its address is judged, its certificate verified, and the token goes to it alone', async (t) => {
  const { jwk } = await rsaSigner('1');
  const issuer = await startIssuer(t, [jwk]);
  const localhost = issuer.url.replace('127.0.0.1', 'localhost');
  await assert.rejects(fetchKeySet(at(localhost, { allowPrivate: false }), never), { problem: 'upstream_forbidden' });
  await assert.rejects(fetchKeySet(at(issuer.url, { allowPrivate: false }), never), { problem: 'upstream_forbidden' });
  assert.equal(issuer.asked, 0);
  const token = { where: 'file', value: () => 'the-token-of-the-pod' };
  await fetchKeySet(at(issuer.url, { token }), never);
  assert.deepEqual(issuer.authorizations, ['Bearer the-token-of-the-pod']);
  for (const value of [undefined, 'a\r\nb'])
    await assert.rejects(
      fetchKeySet(at(issuer.url, { token: { ...token, value: () => value } }), never),
      /token for it/,
    );

  const { key, cert } = selfSignedCertificate();
  const tls = createServer({ key, cert }, (_request, response) => response.end(JSON.stringify({ keys: [jwk] })));
  t.after(() => tls.close());
  tls.listen(0, '127.0.0.1');
  await once(tls, 'listening');
  const url = `https://localhost:${(tls.address() as AddressInfo).port}/jwks`;
  await assert.rejects(fetchKeySet(at(url), never), { problem: 'upstream_tls' });
  const { path } = await mountedFile(t, 'ca.pem', cert);
  assert.equal(parseJwkSet(await fetchKeySet(at(url, { ca: path }), never)).length, 1);
  const fifo = `${path}.fifo`;
  execFileSync('mkfifo', [fifo]);
  const given = AbortSignal.timeout(1_000);
  await assert.rejects(
    Promise.race([fetchKeySet(at(url, { ca: fifo }), given), once(given, 'abort')]),
    /no regular file/,
  );
  await writeFile(path, selfSignedCertificate().cert);
  await assert.rejects(fetchKeySet(at(url, { ca: path }), never), { problem: 'upstream_tls' });
});

function endless(response: ServerResponse): void {
  const block = Buffer.alloc(64 * 1024, 32);
  const write = () => {
    while (response.write(block));
  };
  response.on('drain', write);
  write();
}
