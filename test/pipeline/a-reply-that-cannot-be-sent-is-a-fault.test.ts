import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import Type from 'typebox';
import { definePolicy, type PolicyInstance } from '../../src/policy.ts';
import { startProvider } from '../support/fake-provider.ts';
import { startProxy } from '../support/start-proxy.ts';

/** What a policy written in JavaScript may return, whatever the types say. */
async function answerOf(t: TestContext, result: unknown, entry: object = {}) {
  const policy = definePolicy({
    name: 'odd',
    summary: 'Returns what it likes.',
    schema: Type.Object({}, { additionalProperties: false }),
    setup: (): PolicyInstance => ({ request: () => result as undefined }),
  });
  const provider = await startProvider({ t });
  const proxy = await startProxy(
    { upstream: provider.url, policies: [{ policy: 'odd', ...entry }] },
    { t, policies: [policy] },
  );
  const answer = await fetch(`${proxy.url}/openai/v1/models`);
  const code = answer.ok ? 'ok' : ((await answer.json()) as { code?: string }).code;
  return { status: answer.status, code, proxy };
}

const faults: [name: string, result: unknown, reason: RegExp][] = [
  ['a status that is no final one', { kind: 'response', status: 101 }, /101 is no status of a final response/],
  ['a status that is no number', { kind: 'response', status: 'ok' }, /ok is no status/],
  ['a body that is neither text nor bytes', { kind: 'response', status: 200, body: { a: 1 } }, /a string or a Buffer/],
  [
    'a header that could split the response',
    { kind: 'response', status: 200, headers: { a: 'b\r\nc: d' } },
    /header a/,
  ],
  ['a header that frames the message', { kind: 'response', status: 200, headers: { 'Content-Length': '5' } }, /frames/],
  ['a code that is not in the catalogue', { kind: 'problem', code: 'no_such' }, /no_such.* is no code/],
  ['a kind that there is not', { kind: 'redirect', to: '/' }, /made by problem\(\)/],
  ['something that is no object', 42, /returned a number/],
];

for (const [name, result, reason] of faults) {
  test(`${name} is a fault of the policy, told in the log and answered by on_error`, async (t) => {
    const denied = await answerOf(t, result);
    assert.equal(`${denied.status} ${denied.code}`, '500 policy_fault');
    const line = await denied.proxy.logged(({ msg }) => msg === 'a policy failed');
    assert.match(JSON.stringify(line.err), reason);
    assert.equal(typeof line.request_id, 'string');
    assert.equal((await answerOf(t, result, { on_error: 'allow' })).code, 'ok');
  });
}

test('null is nothing, as in JavaScript', async (t) => {
  assert.equal((await answerOf(t, null)).code, 'ok');
});

test('a shadow policy that cannot read the model changes nothing for the request', async (t) => {
  const provider = await startProvider({ t });
  const proxy = await startProxy(
    {
      upstream: provider.url,
      policies: [{ policy: 'headers', mode: 'shadow', when: { model: 'gpt-*' }, with: { request: { remove: ['x'] } } }],
    },
    { t },
  );
  const answer = await fetch(`${proxy.url}/openai/echo`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'content-encoding': 'gzip' },
    body: 'not looked into',
  });
  assert.equal(answer.status, 200);
  const line = await proxy.logged(({ mode }) => mode === 'shadow');
  assert.equal(line.code, 'body_not_readable');
});
