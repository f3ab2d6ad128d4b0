import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import Type from 'typebox';
import { definePolicy, type Env, type Policy, type PolicyInstance } from '../../src/policy.ts';
import { startProvider } from '../support/fake-provider.ts';
import { startProxy } from '../support/start-proxy.ts';

const empty = Type.Object({}, { additionalProperties: false });

/** A policy of the test's own, under a name of its own. */
function policyOf(name: string, setup: (env: Env<unknown>) => PolicyInstance): Policy {
  return definePolicy({ name, summary: name, schema: empty, setup });
}

async function start(
  t: TestContext,
  policies: Policy[],
  entries: object[] = policies.map(({ name }) => ({ policy: name })),
) {
  const provider = await startProvider({ t });
  const proxy = await startProxy({ upstream: provider.url, policies: entries }, { t, policies });
  const ask = (init: RequestInit = {}) => fetch(`${proxy.url}/openai/v1/models`, init);
  return { provider, proxy, ask };
}

function recorder(name: string, said: string[], reply = false): Policy {
  return policyOf(name, ({ problem }) => ({
    request(ctx) {
      said.push(`${name} request`);
      if (reply) return problem('header_denied', { detail: `by ${name}` });
      ctx.out.headers.set(`x-${name}`, '1');
      return {
        responseStart: (head) => {
          said.push(`${name} responseStart ${head.fromUpstream}`);
          head.headers.set(`x-${name}`, '1');
        },
        chunk: () => void said.push(`${name} chunk`),
        end: ({ kind }) => void said.push(`${name} end ${kind}`),
      };
    },
    attempt(_ctx, attempt) {
      said.push(`${name} attempt ${attempt.number}`);
      return undefined;
    },
  }));
}

test('requests run in the order of the list, responses in reverse, each end once', async (t) => {
  const said: string[] = [];
  const { ask, proxy, provider } = await start(t, [recorder('a', said), recorder('b', said)]);
  const answer = await ask();
  await answer.text();
  await proxy.logged(({ msg }) => msg === 'exchange');
  assert.deepEqual(said, [
    'a request',
    'b request',
    'a attempt 1',
    'b attempt 1',
    'b responseStart true',
    'a responseStart true',
    'b chunk',
    'a chunk',
    'b end complete',
    'a end complete',
  ]);
  assert.equal(answer.headers.get('x-a'), '1');
  assert.deepEqual(provider.requests[0]?.headerLines('x-b'), ['1']);
});

test('a reply ends the request phase; hooks so far still see its head and its end', async (t) => {
  const said: string[] = [];
  const { ask, proxy, provider } = await start(t, [
    recorder('a', said),
    recorder('no', said, true),
    recorder('b', said),
  ]);
  const answer = await ask();
  assert.equal(answer.status, 403);
  assert.equal(answer.headers.get('x-a'), '1');
  const line = await proxy.logged(({ msg }) => msg === 'exchange');
  assert.deepEqual(line.decision, { policy: 'no', code: 'header_denied' });
  assert.deepEqual(said, ['a request', 'no request', 'a responseStart false', 'a end replied']);
  assert.equal(provider.requests.length, 0);
});

test('in shadow mode nothing is applied, and the decision is counted and logged', async (t) => {
  const said: string[] = [];
  const policies = [recorder('a', said), recorder('no', said, true)];
  const { ask, proxy, provider } = await start(
    t,
    policies,
    policies.map(({ name }) => ({ policy: name, mode: 'shadow' })),
  );
  const answer = await ask();
  assert.equal(answer.status, 200);
  assert.equal(answer.headers.get('x-a'), null);
  assert.deepEqual(provider.requests[0]?.headerLines('x-a'), []);
  assert.match(await proxy.metrics(), /sluice_policy_decisions_total\{policy="no",decision="deny",mode="shadow"\} 1/);
  assert.ok(proxy.logs.some((line) => line.mode === 'shadow' && line.code === 'header_denied'));
});

test('a fault of a policy denies or allows as on_error says, whether it throws or rejects', async (t) => {
  const faulty = [
    policyOf('throws', () => ({
      request: () => {
        throw new Error('a bug');
      },
    })),
    policyOf('rejects', () => ({ request: () => Promise.reject(new Error('a bug')) })),
  ];
  for (const { name } of faulty) {
    const denied = await start(t, faulty, [{ policy: name }]);
    const answer = await denied.ask();
    const body = await answer.text();
    assert.equal(answer.status, 500);
    assert.match(body, /"code":"policy_fault"/);
    assert.ok(!body.includes('a bug'), 'nothing internal is shown');
    const allowed = await start(t, faulty, [{ policy: name, on_error: 'allow' }]);
    assert.equal((await allowed.ask()).status, 200);
  }
});

test('throwing response hooks hurt nobody', async (t) => {
  const boom = () => {
    throw new Error('a bug');
  };
  const { ask, proxy } = await start(t, [
    policyOf('boom', () => ({ request: () => ({ responseStart: boom, chunk: boom, end: boom }) })),
  ]);
  assert.equal((await ask()).status, 200);
  await proxy.logged(({ msg }) => msg === 'a policy failed in end');
  assert.equal((await ask()).status, 200);
});

test('bytes that a hook is shown have left already: the client gets them as they were', async (t) => {
  let seen = 0;
  const scribbler = policyOf('scribbler', () => ({
    request: () => ({
      chunk(bytes) {
        seen += bytes.length;
        (bytes as Buffer).fill('X');
      },
    }),
  }));
  const { ask } = await start(t, [scribbler]);
  const text = await (await ask()).text();
  assert.equal(seen, Buffer.byteLength(text));
  assert.doesNotThrow(() => JSON.parse(text), text);
});

test('what the client sent cannot be changed', async (t) => {
  const errors: unknown[] = [];
  const meddler = policyOf('meddler', () => ({
    request(ctx) {
      for (const meddle of [
        () => Object.assign(ctx.in, { method: 'DELETE' }),
        () => Object.assign(ctx.in, { path: '/x' }),
        () => (ctx.in.headers as unknown as { set(name: string, value: string): void }).set('a', 'b'),
      ]) {
        try {
          meddle();
        } catch (error) {
          errors.push(error);
        }
      }
      return undefined;
    },
  }));
  const { ask } = await start(t, [meddler]);
  assert.equal((await ask()).status, 200);
  assert.equal(errors.length, 3);
});

test('a synchronous pipeline runs without one microtask', async (t) => {
  let microtasks = 0;
  const first = policyOf('first', () => ({
    request: () => {
      queueMicrotask(() => microtasks++);
      return undefined;
    },
  }));
  const seen: number[] = [];
  const last = policyOf('last', () => ({
    request: () => void seen.push(microtasks),
    attempt: () => void seen.push(microtasks),
  }));
  const { ask } = await start(t, [first, last]);
  await ask();
  assert.deepEqual(seen, [0, 0]);
});

test('a body that was looked into reaches the upstream whole, and `when.model` judges by it', async (t) => {
  const sizes: (number | undefined)[] = [];
  const peek = policyOf('peek', () => ({
    async request(ctx) {
      sizes.push((await ctx.body.peek(1_000_000))?.length);
      sizes.push((await ctx.body.peek(10))?.length);
    },
  }));
  const deny = policyOf('deny', ({ problem }) => ({ request: () => problem('header_denied') }));
  const { provider, proxy } = await start(
    t,
    [peek, deny],
    [{ policy: 'peek' }, { policy: 'deny', when: { model: 'gpt-4*' } }],
  );
  const post = (body: string, headers: Record<string, string> = {}) =>
    fetch(`${proxy.url}/openai/v1/chat/completions`, {
      method: 'POST',
      body,
      headers: { 'content-type': 'application/json', ...headers },
    });
  const body = JSON.stringify({ messages: [{ role: 'user', content: 'é'.repeat(200_000) }], model: 'o3' });
  assert.equal((await post(body)).status, 200);
  assert.deepEqual(sizes, [Buffer.byteLength(body), undefined]);
  assert.equal(provider.requests[0]?.body.toString(), body);
  assert.equal((await post('{"model":"gpt-4o"}')).status, 403);
  assert.equal((await post('{"model":"o3","model":"gpt-4o"}')).status, 403, 'of several the last counts');
  assert.equal((await post('xx', { 'content-encoding': 'gzip' })).status, 415);
});

test('an attempt hook may ask for another attempt: same body, headers of its own, and the last error is not to be retried', async (t) => {
  const again = policyOf('again', () => ({
    attempt(_ctx, attempt) {
      attempt.headers.set('x-attempt', String(attempt.number));
      return { end: (result) => (result.kind === 'response' && result.status === 429 ? 'retry' : undefined) };
    },
  }));
  const { provider, ask } = await start(t, [again]);
  provider.overrideNext({ status: 429 }, 2);
  assert.equal((await ask({ method: 'POST', body: '{"a":1}' })).status < 429, true);
  assert.deepEqual(
    provider.requests.map((request) => request.headerLines('x-attempt')),
    [['1'], ['2'], ['3']],
  );
  assert.deepEqual(
    provider.requests.map((request) => request.body.toString()),
    ['{"a":1}', '{"a":1}', '{"a":1}'],
  );
  provider.overrideNext({ status: 429 }, 50);
  const spent = await ask({ method: 'POST', body: '{"a":1}' });
  assert.equal(spent.status, 429);
  assert.equal(spent.headers.get('x-should-retry'), 'false');
  assert.equal(provider.requests.length, 3 + 10);
});
