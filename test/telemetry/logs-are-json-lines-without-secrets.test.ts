import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createLog, type LogLevel } from '../../src/telemetry/log.ts';
import { scrub } from '../../src/telemetry/redact.ts';

const KEY = 'sk-proj-AbCdEfGhIjKlMnOpQrStUvWx';

function capture(level: LogLevel, burstWindowMs = 10_000) {
  const written: string[] = [];
  let changed = Promise.withResolvers<void>();
  const log = createLog({
    level,
    burstWindowMs,
    destination: {
      write(line) {
        written.push(line);
        changed.resolve();
        changed = Promise.withResolvers();
      },
    },
  });
  const lines = () => written.map((line) => JSON.parse(line));
  const until = async (count: number) => {
    while (written.length < count) await changed.promise;
  };
  return { log, written, lines, until };
}

test('a line is JSON with the level as a word, an ISO time, the fields and the message', () => {
  const { log, written, lines } = capture('info');
  const before = Date.now();
  log.info({ route: '/openai', count: 3 }, 'it "works"\nwell');
  const [line] = lines();
  assert.deepEqual(Object.keys(line), ['level', 'time', 'route', 'count', 'msg']);
  assert.equal(line.level, 'info');
  assert.match(line.time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  assert.ok(Date.parse(line.time) >= before && Date.parse(line.time) <= Date.now());
  assert.equal(line.msg, 'it "works"\nwell');
  assert.ok(written[0]?.endsWith('}\n'));
});

test('what is below the level is not written', () => {
  const { log, lines } = capture('warn');
  log.debug({}, 'no');
  log.info({}, 'no');
  log.writeInfo('"msg":"no"');
  log.once('info', {}, 'no');
  log.warn({}, 'yes');
  log.error({}, 'yes');
  assert.deepEqual(
    lines().map((line) => line.level),
    ['warn', 'error'],
  );
  assert.equal(log.infoEnabled, false);
  const silent = capture('silent');
  silent.log.error({}, 'no');
  assert.equal(silent.written.length, 0);
});

const secrets: Record<string, string> = {
  'an OpenAI key': KEY,
  'an Anthropic key': 'sk-ant-api03-AbCdEfGhIjKlMnOp_QrSt',
  'a Google key': `AIza${'B'.repeat(35)}`,
  'a bearer token': 'Bearer abcdef0123456789',
  'a bearer token in lower case': 'bearer abcdef0123456789',
  'basic credentials': 'Basic dXNlcjpwYXNzd29yZDEyMw==',
  'a JWT': 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl',
  'a query key': 'GET /v1beta/models?alt=sse&key=abcdef0123456789',
  'a password in a URL': 'redis://default:abcdef0123456789@redis:6379/0',
  'a header line': 'x-api-key: abcdef0123456789',
};
for (const [what, text] of Object.entries(secrets)) {
  test(`taken out of messages, fields, errors and children: ${what}`, () => {
    const { log, written } = capture('debug');
    const cause = new Error(`cause ${text}`);
    log.info({ detail: text, list: [text], deep: { er: { still: text } } }, `failed with ${text}`);
    log.error({ err: new Error(`upstream said ${text}`, { cause }) }, 'failed');
    log.child({ from: text }).warn({}, 'child');
    log.once('warn', { text }, `once ${text}`);
    assert.equal(written.length, 4);
    for (const line of written) {
      assert.doesNotMatch(line, /AbCdEfGh|B{35}|abcdef0123456789|dXNlcjpw|c2lnbmF0dXJl/);
      assert.match(line, /\[redacted\]/);
    }
  });
}

test('fields whose name says so are redacted whole, whatever is in them', () => {
  const { log, lines } = capture('info');
  log.info(
    {
      authorization: 'plain',
      'x-api-key': 'plain',
      headers: { host: 'a' },
      rawHeaders: ['a', 'b'],
      'Set-Cookie': ['plain'],
      clientSecret: 'plain',
      redis_password: 'plain',
      nested: { apiKey: 'plain', key: 'ip:10.0.0.1' },
      total_tokens: 12,
      token: 12,
    },
    'x',
  );
  const { level, time, msg, ...rest } = lines()[0];
  assert.deepEqual(rest, {
    authorization: '[redacted]',
    'x-api-key': '[redacted]',
    headers: '[redacted]',
    rawHeaders: '[redacted]',
    'Set-Cookie': '[redacted]',
    clientSecret: '[redacted]',
    redis_password: '[redacted]',
    nested: { apiKey: '[redacted]', key: 'ip:10.0.0.1' },
    total_tokens: 12,
    token: 12,
  });
});

test('harmless text stays as it is', () => {
  const texts = [
    'risk-assessment-of-the-whole-thing',
    'task-0123456789-abcdef',
    'http://[::1]:7480/openai/v1/chat',
    'key=ip:10.0.0.1',
    'use basic authentication',
  ];
  for (const text of texts) assert.equal(scrub(text), text);
});

test('hostile texts cost linear time and are cut', () => {
  const started = performance.now();
  for (const piece of ['eyJ', '://', 'sk-', 'bearer ', '?key=', 'cookie: ', '-eyJaaaaaaaa.']) {
    assert.ok(scrub(piece.repeat(100_000)).length <= 10_000);
  }
  assert.ok(performance.now() - started < 500);
});

test('an error has its type, code and causes, and its stack at debug level only', () => {
  const error = Object.assign(new TypeError('broken', { cause: new AggregateError([new Error('inner')], 'all') }), {
    code: 'ECONNRESET',
  });
  const info = capture('info');
  info.log.error({ err: error }, 'failed');
  assert.deepEqual(info.lines()[0].err, {
    type: 'TypeError',
    message: 'broken',
    code: 'ECONNRESET',
    cause: { type: 'AggregateError', message: 'all', errors: [{ type: 'Error', message: 'inner' }] },
  });
  assert.doesNotMatch(info.written.join(), /\.test\.ts/);
  const debug = capture('debug');
  debug.log.error({ err: error }, 'failed');
  assert.match(debug.lines()[0].err.stack, /TypeError: broken\n\s+at /);
});

test('fields that are cyclic, hostile, huge or odd make a bounded line, never an error', () => {
  const { log, lines, written } = capture('info');
  const cyclic: Record<string, unknown> = { name: 'a' };
  cyclic.self = cyclic;
  const hostile = {
    get boom(): string {
      throw new Error('no');
    },
  };
  log.info({ cyclic, hostile, big: 10n, date: new Date(Number.NaN), buffer: Buffer.alloc(9), f() {} }, 'odd');
  log.info({ long: 'x'.repeat(1_000_000), many: Array.from({ length: 10_000 }, (_, i) => i) }, 'y'.repeat(1_000_000));
  const [odd] = lines();
  assert.equal(odd.hostile.boom, '[unreadable]');
  assert.equal(odd.big, '10');
  assert.equal(odd.buffer, '[binary, 9 bytes]');
  assert.ok((written[1]?.length ?? 0) < 10_000);
});

test('a child adds its fields to each line', () => {
  const { log, lines } = capture('info');
  const child = log.child({ policy: 'a' }).child({ request_id: 'r' });
  child.info({ x: 1 }, 'hello');
  assert.deepEqual([lines()[0].policy, lines()[0].request_id, lines()[0].x], ['a', 'r', 1]);
});

test('a message repeated within the window is said once, then with its count', async (t) => {
  const { log, lines, until } = capture('info', 50);
  t.after(() => log.close());
  for (let i = 0; i < 500; i += 1) log.once('warn', { i }, 'redis does not answer');
  log.once('warn', {}, 'something else');
  log.child({ policy: 'a' }).once('warn', {}, 'redis does not answer');
  assert.equal(lines().length, 3);
  await until(4);
  const last = lines()[3];
  assert.equal(last.msg, 'redis does not answer');
  assert.equal(last.repeated, 499);
  assert.equal(last.i, 499, 'with the fields of the last time');
});

test('what a burst counted is said at the close', async () => {
  const { log, lines } = capture('info');
  for (let i = 0; i < 3; i += 1) log.once('error', {}, 'broken');
  await log.close();
  assert.deepEqual(
    lines().map((line) => line.repeated),
    [undefined, 2],
  );
});
