import assert from 'node:assert/strict';
import { createHmac, generateKeyPairSync } from 'node:crypto';
import { type TestContext, test } from 'node:test';
import { exportJWK, exportSPKI, type JWTPayload, SignJWT } from 'jose';
import { policies as registry } from '../../policies/index.ts';
import { checkConfig } from '../../src/app.ts';
import { mountedFile } from '../support/client-keys.ts';
import { startProvider } from '../support/fake-provider.ts';
import { proxyYaml, startProxy } from '../support/start-proxy.ts';
import { rsaSigner, type Signer, serviceAccountClaims, sign, startIssuer } from '../support/token-issuer.ts';

const iss = 'https://kubernetes.default.svc.cluster.local';
const part = (data: unknown) =>
  Buffer.from(typeof data === 'string' ? data : JSON.stringify(data)).toString('base64url');
const claims = (changes: JWTPayload = {}) => serviceAccountClaims(iss, changes);
const now = () => Math.floor(Date.now() / 1000);

function auth(jwks: object, more: object = {}): object {
  const jwt = [{ issuer: iss, audience: 'sluice', jwks: { allow_private: true, ...jwks }, ...more }];
  return { policy: 'client-auth', with: { jwt } };
}

async function start(t: TestContext, keys: readonly object[], more: object = {}) {
  const provider = await startProvider({ t });
  const issuer = await startIssuer(t, keys);
  const policies = [auth({ url: issuer.url }, more)];
  const proxy = await startProxy({ upstream: provider.url, policies, routeOptions: { credentials: 'pass' } }, { t });
  const send = async (token: string) => {
    const answer = await fetch(`${proxy.url}/openai/v1/models`, { headers: { authorization: `Bearer ${token}` } });
    return { status: answer.status, text: await answer.text(), headers: answer.headers };
  };
  return { provider, issuer, proxy, send };
}

test('a service-account token of Kubernetes says who calls, which tags hold, and goes no further', async (t) => {
  const signer = await rsaSigner();
  const { provider, proxy, send } = await start(t, [signer.jwk], {
    identity: ['kubernetes.io', 'serviceaccount', 'name'],
    identity_prefix: 'k8s:',
    tags: [
      { claim: ['kubernetes.io', 'namespace'] },
      { claim: 'aud', value: 'sluice', tag: 'for-us' },
      { claim: 'groups' },
      { claim: 'nonsense' },
    ],
  });
  // A hostile issuer: thousands of groups, odd characters, great lengths.
  const groups = ['a b', 'x'.repeat(65), '', 7, ...Array.from({ length: 200 }, (_, i) => `g${i}`)];
  const token = await sign(claims({ groups }), signer);
  for (let i = 0; i < 3; i++) assert.equal((await send(token)).status, 200);
  const line = await proxy.logged((entry) => entry.msg === 'exchange');
  assert.equal(line.identity, 'k8s:game-server');
  for (const seen of provider.requests)
    assert.deepEqual(seen.headerLines('authorization'), [], 'although the route passes');
  assert.ok(!(JSON.stringify(proxy.logs) + (await proxy.metrics())).includes(token.split('.')[2] ?? ''));
});

test('hostile tokens are each refused in bounded time, with a detail that says what is wrong', async (t) => {
  const signer = await rsaSigner('known');
  const stranger = await rsaSigner('known');
  const weak = await rsaSigner('weak', 1024);
  const hmacKey = { kty: 'oct', k: part('a shared secret of thirty-two by'), kid: 'oct', alg: 'HS256' };
  const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const ecJwk = { ...(await exportJWK(ec.publicKey)), kid: 'ec' };
  const forEncryption = { ...signer.jwk, kid: 'enc', use: 'enc' };
  const { provider, send, issuer } = await start(t, [signer.jwk, weak.jwk, hmacKey, ecJwk, forEncryption]);
  const good = await sign(claims(), signer);
  assert.equal((await send(good)).status, 200);
  const es256 = new SignJWT(claims()).setProtectedHeader({ alg: 'ES256', kid: 'ec' }).sign(ec.privateKey);
  assert.equal((await send(await es256)).status, 200, 'another accepted algorithm');
  const served = provider.requests.length;

  const hs256 = (secret: string | Buffer, header: object = {}) => {
    const signed = `${part({ alg: 'HS256', kid: 'known', ...header })}.${part(claims())}`;
    return `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`;
  };
  const [head = '', body = '', signature = ''] = good.split('.');
  const withHeader = (header: object) => sign(claims(), stranger, header);
  const jwk = stranger.jwk;
  const cases: [name: string, token: string | Promise<string>, detail: RegExp][] = [
    ['expired', sign(claims({ exp: now() - 31 }), signer), /has expired/],
    ['no expiry', sign(withoutExp(claims()), signer), /when it expires/],
    [
      'an expiry that is a text',
      sign(claims({ exp: 'never' as unknown as number }), signer),
      /expires|claims|malformed/,
    ],
    ['not valid yet', sign(claims({ nbf: now() + 60 }), signer), /not valid yet/],
    ['another audience', sign(claims({ aud: ['https://kubernetes.default.svc'] }), signer), /another audience/],
    ['no audience', sign(withoutAud(claims()), signer), /another audience/],
    ['another issuer', sign(claims({ iss: 'https://evil.example' }), signer), /issuer of the token is not accepted/],
    ['no issuer', sign({ ...claims(), iss: undefined } as unknown as JWTPayload, signer), /malformed/],
    ['a list of issuers', sign({ ...claims(), iss: [iss] as unknown as string }, signer), /malformed/],
    ['no subject', sign({ ...claims(), sub: undefined } as unknown as JWTPayload, signer), /names nobody/],
    ['a subject with a line end', sign(claims({ sub: 'a\r\nb' }), signer), /names nobody/],
    ['a subject of 300 characters', sign(claims({ sub: 'a'.repeat(300) }), signer), /names nobody/],
    ['alg none', `${part({ alg: 'none' })}.${body}.`, /algorithm/],
    ['alg None', `${part({ alg: 'None' })}.${body}.${signature}`, /algorithm/],
    ['alg nOnE with a kid', `${part({ alg: 'nOnE', kid: 'known' })}.${body}.`, /algorithm/],
    ['no alg', `${part({ kid: 'known' })}.${body}.${signature}`, /algorithm/],
    ['HS256 with the public key as PEM', hs256(await exportSPKI(await toCrypto(signer))), /algorithm/],
    ['HS256 with the public key as JWK', hs256(JSON.stringify(signer.jwk)), /algorithm/],
    ['HS256 with the modulus', hs256(Buffer.from(signer.jwk.n ?? '', 'base64url')), /algorithm/],
    ['HS256 with a published symmetric key', hs256('a shared secret of thirty-two by', { kid: 'oct' }), /algorithm/],
    ['RS256 that names a symmetric key', withHeader({ kid: 'oct' }), /does not publish/],
    ['RS256 that names the EC key', withHeader({ kid: 'ec' }), /does not publish/],
    ['an RSA key of 1024 bits', withHeader({ kid: 'weak' }), /does not publish/],
    ['a key for encryption', sign(claims(), signer, { kid: 'enc' }), /does not publish/],
    ['an unknown kid', withHeader({ kid: 'unknown' }), /does not publish/],
    ['a kid that is a path', withHeader({ kid: '../../dev/null' }), /does not publish/],
    ['a kid that is a number', `${part({ alg: 'RS256', kid: 1 })}.${body}.${signature}`, /malformed/],
    ['a kid of 4 KiB', `${part({ alg: 'RS256', kid: 'k'.repeat(4000) })}.${body}.${signature}`, /malformed/],
    ['another signature', `${head}.${body}.${(await sign(claims(), stranger)).split('.')[2]}`, /signature/],
    ['no signature', `${head}.${body}.`, /signature|malformed/],
    ['a cut signature', good.slice(0, -8), /signature|malformed/],
    ['a changed body', `${head}.${part(claims({ sub: 'admin' }))}.${signature}`, /signature/],
    ['a jwk of its own', withHeader({ jwk }), /signature/],
    ['a jku of its own', withHeader({ jku: issuer.url }), /signature/],
    ['an x5u of its own', withHeader({ x5u: issuer.url }), /signature/],
    ['crit', `${part({ alg: 'RS256', kid: 'known', crit: ['exp'], exp: 1 })}.${body}.${signature}`, /extensions/],
    [
      'crit b64',
      `${part({ alg: 'RS256', kid: 'known', crit: ['b64'], b64: false })}.${body}.${signature}`,
      /extensions/,
    ],
    [
      'an algorithm that is not on the list',
      sign(claims(), signer).then((token) => token.replace(head, part({ alg: 'RS512', kid: 'known' }))),
      /algorithm/,
    ],
    ['9 KiB', sign(claims({ pad: 'x'.repeat(7_000) }), signer), /malformed/],
    ['deep nesting', `${head}.${part(`{"iss":${'['.repeat(2500)}${']'.repeat(2500)}}`)}.${signature}`, /malformed/],
    ['a deep header', `${part(`{"alg":${'{"a":'.repeat(500)}1${'}'.repeat(500)}}`)}.${body}.${signature}`, /algorithm/],
    ['a body that is no JSON', `${head}.${part('{"iss"')}.${signature}`, /malformed/],
    ['a body that is a list', `${head}.${part([iss])}.${signature}`, /malformed/],
    ['a body with __proto__', `${head}.${part('{"__proto__":{"iss":"x"}}')}.${signature}`, /malformed/],
    ['two parts', `${head}.${body}`, /not known/],
    ['five parts, as of an encrypted token', `${head}.${body}.a.b.c`, /not known/],
    ['a key and no token', 'sk-anything-at-all', /not known/],
  ];
  let slowest = 0;
  for (const [name, given, detail] of cases) {
    const token = await given;
    const before = performance.now();
    const { status, text, headers } = await send(token);
    slowest = Math.max(slowest, performance.now() - before);
    assert.equal(status, 401, name);
    assert.match(JSON.parse(text).detail, detail, name);
    assert.equal(headers.get('www-authenticate'), 'Bearer realm="sluice", error="invalid_token"');
    assert.ok(!text.includes(iss) && !text.includes(issuer.url), `${name}: shows nothing of the issuer`);
  }
  t.diagnostic(`${cases.length} hostile tokens, the slowest answered in ${slowest.toFixed(1)} ms`);
  assert.ok(slowest < 1_000);
  assert.equal(provider.requests.length, served, 'none went upstream');
  assert.equal(issuer.asked, 2, 'one for the first keys, one for the first key that was not known');
});

test('signing keys rotate under load, from an issuer and from a file: no good token is refused, and a withdrawn key ends at once', async (t) => {
  const [first, second] = [await rsaSigner('1'), await rsaSigner('2')];
  const { issuer, send } = await start(t, [first.jwk]);
  let signer: Signer = first;
  let running = true;
  const failures: string[] = [];
  let sent = 0;
  const load = Array.from({ length: 3 }, async () => {
    while (running) {
      const { status, text } = await send(await sign(claims(), signer));
      sent++;
      if (status !== 200) failures.push(text);
    }
  });
  await issuer.askedTimes(1);
  issuer.keys = [first.jwk, second.jwk];
  signer = second;
  await issuer.askedTimes(2);
  while (sent < 60) assert.equal((await send(await sign(claims(), second))).status, 200);
  running = false;
  await Promise.all(load);
  assert.deepEqual(failures, [], `of ${sent}`);
  assert.equal(issuer.asked, 2);

  const provider = await startProvider({ t });
  const file = await mountedFile(t, 'jwks.json', JSON.stringify({ keys: [first.jwk, second.jwk] }));
  const proxy = await startProxy(
    { upstream: provider.url, policies: [auth({ file: file.path, allow_private: false })] },
    { t },
  );
  const status = async (token: string) =>
    (await fetch(`${proxy.url}/openai/v1/models`, { headers: { 'x-api-key': token } })).status;
  const token = await sign(claims(), first);
  assert.equal(await status(token), 200);
  assert.equal(await status(token), 200, 'remembered');
  await file.swap('{"keys":[]}');
  await proxy.logged(
    (line) => line.msg === 'the keys of a token issuer could not be renewed; the last ones stay in use',
  );
  assert.equal(await status(token), 200, 'the last good keys stay');
  await file.swap(JSON.stringify({ keys: [second.jwk] }));
  await proxy.logged((line) => line.msg === 'the keys of a token issuer are there again');
  assert.equal(await status(token), 401, 'what was remembered went with its key');
  assert.equal(await status(await sign(claims(), second)), 200);
});

test('an issuer that does not answer delays nothing but its own tokens: 503 until the first keys come, never let through', async (t) => {
  const signer = await rsaSigner();
  const provider = await startProvider({ t });
  const issuer = await startIssuer(t, [signer.jwk]);
  issuer.answer = (response) => void response.writeHead(302, { location: issuer.url }).end();
  const policies = [{ ...auth({ url: issuer.url }), when: { header: { 'x-check': '*' } } }];
  const proxy = await startProxy({ upstream: provider.url, policies }, { t });
  assert.equal((await fetch(`${proxy.adminUrl}/readyz`)).status, 200);
  await proxy.logged((line) => line.msg === 'the keys of a token issuer could not be renewed; there are none yet');
  const headers = { 'x-check': '1', authorization: `Bearer ${await sign(claims(), signer)}` };
  const refused = await fetch(`${proxy.url}/openai/v1/models`, { headers });
  assert.equal(refused.status, 503);
  assert.equal(refused.headers.get('retry-after'), '2');
  assert.match(await refused.text(), /"code":"auth_unavailable"/);
  assert.equal((await fetch(`${proxy.url}/openai/v1/models`)).status, 200, 'others go on');
  issuer.answer = undefined;
  await proxy.logged((line) => line.msg === 'the keys of a token issuer are there again');
  assert.equal((await fetch(`${proxy.url}/openai/v1/models`, { headers })).status, 200);
  const before = issuer.asked;
  await proxy.reload({ upstream: provider.url, policies: [auth({ url: issuer.url }, { clock_skew: '1s' })] });
  assert.equal((await fetch(`${proxy.url}/openai/v1/models`, { headers })).status, 200);
  assert.equal(issuer.asked, before, 'a reload keeps the keys');
});

test('where keys come from is judged when the configuration is', async () => {
  const check = (jwks: object, more: object = {}) => {
    const policies = [auth({ allow_private: false, ...jwks }, more)];
    return checkConfig({ yaml: proxyYaml({ upstream: 'http://127.0.0.1:1', policies }), policies: registry, env: {} });
  };
  const url = 'https://issuer.example/jwks';
  const at = /policies\[0\]\.with\.jwt\[0\]\.jwks/;
  await check({ url });
  for (const [jwks, message] of [
    [{}, /either `url` or `file`/],
    [{ url, file: 'x' }, /either `url` or `file`/],
    [{ file: '/nonexistent' }, /ENOENT/],
    [{ url: 'http://issuer.example/jwks' }, /must be https/],
    [{ url: 'https://127.0.0.1/jwks' }, /not public \(loopback\)/],
    [{ url: 'https://2130706433/jwks' }, /not public \(loopback\)/],
    [{ url: 'https://[::ffff:169.254.169.254]/' }, /not public/],
    [{ url: 'https://localhost./' }, /not public/],
    [{ url: 'http://10.0.0.1/', allow_private: true }, /must be https/],
    [{ url: 'ftp://issuer.example/' }, /https:\/\/ or http:\/\//],
  ] as const) {
    await assert.rejects(check(jwks), (error: Error) => at.test(error.message) && message.test(error.message));
  }
  for (const alg of ['none', 'HS256']) await assert.rejects(check({ url }, { algorithms: [alg] }), /algorithms\[0\]/);
});

function withoutExp({ exp, ...rest }: JWTPayload): JWTPayload {
  return rest;
}

function withoutAud({ aud, ...rest }: JWTPayload): JWTPayload {
  return rest;
}

function toCrypto({ publicKey }: Signer) {
  return publicKey;
}
