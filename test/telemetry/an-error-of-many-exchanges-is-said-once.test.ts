import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import Type from 'typebox';
import { definePolicy } from '../../src/policy.ts';
import { createLog } from '../../src/telemetry/log.ts';
import { startProvider } from '../support/fake-provider.ts';
import { startProxy } from '../support/start-proxy.ts';

const broken = definePolicy({
  name: 'broken',
  summary: 'fails',
  schema: Type.Object({}),
  setup: () => ({
    request(ctx) {
      throw new TypeError(`cannot read ${ctx.in.headers.get('x-what') ?? 'it'}`);
    },
  }),
});

async function start(t: TestContext, level: string) {
  const provider = await startProvider({ t });
  const proxy = await startProxy(
    { upstream: provider.url, policies: [{ policy: 'broken' }], extra: { telemetry: { logs: { level } } } },
    { t, policies: [broken] },
  );
  const ask = (id: string, what = 'it') =>
    fetch(`${proxy.url}/openai/v1/models`, { headers: { 'x-request-id': id, 'x-what': what } });
  const errors = () => proxy.logs.filter(({ msg }) => msg === 'a policy failed');
  return { proxy, ask, errors };
}

test('a policy that fails fifty requests is one line with the first request, and one with the count; another error is another line', async (t) => {
  const { proxy, ask, errors } = await start(t, 'info');
  for (let i = 1; i <= 50; i++) assert.equal((await ask(`r-${i}`)).status, 500);
  assert.equal((await ask('other', 'that')).status, 500);
  assert.deepEqual(
    errors().map((line) => [line.request_id, line.policy, line.repeated]),
    [
      ['r-1', 'broken', undefined],
      ['other', 'broken', undefined],
    ],
  );
  await proxy.close();
  const [, , counted, ...more] = errors();
  assert.equal(counted?.repeated, 49);
  assert.equal(counted?.request_id, 'r-50');
  assert.deepEqual(more, []);
});

test('stacks are in the log at debug level only, and in no reply', async (t) => {
  for (const level of ['info', 'debug']) {
    const { ask, errors } = await start(t, level);
    const reply = await (await ask('r')).text();
    assert.match(reply, /"code":"policy_fault"/);
    assert.doesNotMatch(reply, /cannot read|TypeError|\.test\.ts|\bat\s/);
    const [line] = errors();
    const err = line?.err as Record<string, unknown>;
    assert.equal(err.message, 'cannot read it');
    assert.equal('stack' in err, level === 'debug');
  }
});

test('lines without an error, and errors of other policies, codes and kinds, are said each time', () => {
  const lines: string[] = [];
  const log = createLog({ level: 'info', destination: { write: (line) => lines.push(line) } });
  for (let i = 0; i < 3; i++) log.warn({ i }, 'three');
  const error = new Error('x');
  log.error({ err: error, policy: 'a' }, 'failed');
  log.error({ err: error, policy: 'b' }, 'failed');
  log.error({ err: new TypeError('x'), policy: 'b' }, 'failed');
  log.error({ err: Object.assign(new Error('x'), { code: 'ECONNRESET' }), policy: 'b' }, 'failed');
  log.warn({ err: error, policy: 'b' }, 'failed');
  assert.equal(lines.length, 8);
  const hostile = new Error('x');
  Object.defineProperty(hostile, 'message', {
    get() {
      throw new Error('no');
    },
  });
  log.error({ err: error, policy: 'a' }, 'failed');
  assert.equal(lines.length, 8);
});
