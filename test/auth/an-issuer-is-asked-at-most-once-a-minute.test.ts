import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import * as jose from 'jose';
import { compileClaims } from '../../src/auth/claims.ts';
import { IssuerKeys } from '../../src/auth/issuer-keys.ts';
import { TokenVerifier } from '../../src/auth/token-verifier.ts';
import { rsaSigner, type Signer, serviceAccountClaims, sign } from '../support/token-issuer.ts';

const minute = 60_000;

/** An issuer whose answers the test gives, on a clock that the test moves. */
function setUp(signers: readonly Signer[], maxStaleMs = 24 * 60 * minute) {
  const state = { now: 0, asked: 0, answer: async () => JSON.stringify({ keys: signers.map(({ jwk }) => jwk) }) };
  const said: string[] = [];
  const say = (_fields: object, message: string) => void said.push(message);
  const keys = new IssuerKeys({
    issuer: 'iss',
    source: {
      kind: 'fetch',
      fetch: () => {
        state.asked++;
        return state.answer();
      },
    },
    refreshMs: 600_000,
    maxStaleMs,
    log: { info: say, warn: say, error: say },
    now: () => state.now,
  });
  const config = { issuer: 'iss', audience: 'sluice', algorithms: ['RS256'], clock_skew: 30_000 };
  const claims = compileClaims({ identity: 'sub', identity_prefix: '', tags: [] });
  const verifier = new TokenVerifier({ config, claims, keys, jose, release: async () => keys.close() });
  return { state, keys, verifier, said };
}

/** Tokens that nobody signed, each with a key id of its own. */
function unknown(): string {
  const part = (data: object) => Buffer.from(JSON.stringify(data)).toString('base64url');
  return `${part({ alg: 'RS256', kid: randomUUID() })}.${part(serviceAccountClaims('iss'))}.c2lnbmF0dXJl`;
}

test('10,000 unknown key ids are refused in bounded time, cost the issuer one question a minute, and disturb no known token', async (t) => {
  const signer = await rsaSigner('known');
  const { state, keys, verifier } = setUp([signer]);
  t.after(() => verifier.close());
  keys.start();
  const good = await sign(serviceAccountClaims('iss'), signer);
  assert.equal((await verifier.identify(good)).kind, 'caller');
  assert.equal(state.asked, 1);
  for (let round = 1; round <= 3; round++) {
    const before = performance.now();
    const flood = Array.from({ length: 10_000 }, () => verifier.identify(unknown()));
    const known = verifier.identify(good);
    assert.ok(!(known instanceof Promise), 'a token that has been seen is judged in the same tick');
    for (const { kind } of await Promise.all(flood)) assert.equal(kind, 'refused');
    const took = performance.now() - before;
    t.diagnostic(`10,000 unknown key ids: ${took.toFixed(0)} ms, ${((took / 10_000) * 1000).toFixed(0)} µs each`);
    assert.ok(took < 10_000);
    assert.equal(state.asked, 1 + round, 'one question for the flood');
    state.now += minute - 1;
    for (let i = 0; i < 100; i++) assert.equal((await verifier.identify(unknown())).kind, 'refused');
    assert.equal(state.asked, 1 + round, 'none within the minute');
    state.now += 1;
  }
});

test('while the issuer hangs, an unknown key id waits two seconds at most and known ones not at all', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const signer = await rsaSigner('known');
  const { state, keys, verifier } = setUp([signer]);
  t.after(() => verifier.close());
  keys.start();
  const good = await sign(serviceAccountClaims('iss'), signer);
  assert.equal((await verifier.identify(good)).kind, 'caller');
  state.answer = () => new Promise(() => undefined);
  let answered = 0;
  const waiting = Array.from({ length: 50 }, () =>
    Promise.resolve(verifier.identify(unknown())).then(() => answered++),
  );
  assert.equal((await verifier.identify(await sign(serviceAccountClaims('iss'), signer))).kind, 'caller');
  t.mock.timers.tick(1_999);
  await new Promise(setImmediate);
  assert.equal(answered, 0);
  t.mock.timers.tick(1);
  await Promise.all(waiting);
  assert.equal(answered, 50);
  assert.equal(state.asked, 2);
});

test('the last good keys count for max_stale while the issuer is down, which is said once, and then nobody is let in', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const signer = await rsaSigner('known');
  const { state, keys, verifier, said } = setUp([signer], 10 * minute);
  t.after(() => verifier.close());
  keys.start();
  const good = await sign(serviceAccountClaims('iss'), signer);
  assert.equal((await verifier.identify(good)).kind, 'caller');
  state.answer = () => Promise.reject(new Error('down'));
  for (let i = 0; i < 9; i++) {
    state.now += minute;
    await verifier.identify(unknown());
    assert.equal((await verifier.identify(good)).kind, 'caller', `after ${i + 1} minutes`);
  }
  assert.deepEqual(said, ['the keys of a token issuer could not be renewed; the last ones stay in use']);
  state.now += minute;
  assert.equal((await verifier.identify(good)).kind, 'unavailable');
  assert.equal((await verifier.identify(await sign(serviceAccountClaims('iss'), signer))).kind, 'unavailable');
  state.answer = async () => JSON.stringify({ keys: [signer.jwk] });
  t.mock.timers.tick(70_000);
  await new Promise(setImmediate);
  assert.equal((await verifier.identify(good)).kind, 'caller');
  assert.deepEqual(said.slice(1), ['the keys of a token issuer are there again']);
});

test('a remembered token ends when it expires', async (t) => {
  t.mock.timers.enable({ apis: ['Date'], now: Date.now() });
  const signer = await rsaSigner('known');
  const { keys, verifier } = setUp([signer]);
  t.after(() => verifier.close());
  keys.start();
  const now = Math.floor(Date.now() / 1000);
  const token = await sign(serviceAccountClaims('iss', { exp: now + 60 }), signer);
  assert.equal((await verifier.identify(token)).kind, 'caller');
  t.mock.timers.tick(89_000);
  assert.ok(!(verifier.identify(token) instanceof Promise), 'remembered, within the clock skew');
  t.mock.timers.tick(1_500);
  const late = await verifier.identify(token);
  assert.equal(late.kind === 'refused' && late.detail, 'The token has expired.');
});

test('a token may claim thousands of tags: few, short ones of plain characters are taken', () => {
  const tags = [{ claim: 'groups' }, { claim: ['a.b', 'c'], value: 'x', tag: 'made' }];
  const reader = compileClaims({ identity: ['a.b', 'c'], identity_prefix: 'p:', tags });
  const groups = ['a b', 'x'.repeat(65), '', 7, null, ...Array.from({ length: 10_000 }, (_, i) => `g${i}`)];
  assert.deepEqual(reader.tags({ groups }).length, 16);
  assert.deepEqual(reader.tags({ groups: 'one', 'a.b': { c: ['y', 'x'] } }), ['one', 'made']);
  assert.deepEqual(reader.tags({ groups: { 0: 'one' }, 'a.b': { c: 'y' } }), []);
  assert.equal(reader.identity({ 'a.b': { c: 'me' } }), 'p:me');
  for (const claims of [{}, { 'a.b': 1 }, { 'a.b': { c: ['me'] } }, { 'a.b': { c: '' } }, { 'a.b': { c: 'm e' } }])
    assert.equal(reader.identity(claims), undefined);
  assert.equal(compileClaims({ identity: '__proto__', identity_prefix: '', tags: [] }).identity({}), undefined);
});
