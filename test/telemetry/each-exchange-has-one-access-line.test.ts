import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type AccessRecord, writeAccess } from '../../src/telemetry/access-log.ts';
import { createLog, type LogLevel } from '../../src/telemetry/log.ts';

const RECORD: AccessRecord = {
  requestId: 'r-1',
  client: '10.0.0.9',
  route: '/openai',
  upstream: 'openai',
  method: 'POST',
  path: '/openai/v1/chat/completions',
  status: 200,
  decision: undefined,
  outcome: 'complete',
  bytesIn: 1500,
  bytesOut: 1700,
  ttfbMs: 12.345,
  durationMs: 45.678,
  attempts: 1,
  traceId: undefined,
  identity: undefined,
};

function write(record: AccessRecord, level: LogLevel = 'info'): string[] {
  const written: string[] = [];
  const log = createLog({ level, destination: { write: (line) => written.push(line) } });
  writeAccess(log, record);
  return written;
}

test('an exchange is one info line with these members', () => {
  const [line, ...more] = write(RECORD);
  assert.equal(more.length, 0);
  const { time, ...rest } = JSON.parse(line ?? '');
  assert.ok(Number.isFinite(Date.parse(time)));
  assert.deepEqual(rest, {
    level: 'info',
    msg: 'exchange',
    request_id: 'r-1',
    client: '10.0.0.9',
    route: '/openai',
    upstream: 'openai',
    method: 'POST',
    path: '/openai/v1/chat/completions',
    status: 200,
    outcome: 'complete',
    bytes_in: 1500,
    bytes_out: 1700,
    ttfb_ms: 12.3,
    duration_ms: 45.7,
    attempts: 1,
  });
});

test('a refusal names the policy and the code; trace and identity are there when there are any', () => {
  const decision = { policy: 'per-player', code: 'rate_limited' } as const;
  const [line] = write({ ...RECORD, decision, outcome: 'replied', status: 429, traceId: 't', identity: 'player-7' });
  const parsed = JSON.parse(line ?? '');
  assert.deepEqual(parsed.decision, decision);
  assert.equal(parsed.trace_id, 't');
  assert.equal(parsed.identity, 'player-7');
});

test('hostile values make one bounded line that is still JSON and holds no key', () => {
  const [line, ...more] = write({
    ...RECORD,
    path: `/sk-proj-abcdefghijklmnop1234"\n\u2028\ud800${'x'.repeat(100_000)}`,
    method: 'M'.repeat(1000),
    identity: `"},{"${'i'.repeat(10_000)}`,
  });
  assert.equal(more.length, 0);
  assert.ok(line && line.length < 2000);
  assert.equal(line.indexOf('\n'), line.length - 1);
  const parsed = JSON.parse(line);
  assert.match(parsed.path, /^\/\[redacted\]"\n/);
  assert.match(parsed.identity, /^"},\{"i+…$/);
});

test('above info level there are no access lines', () => {
  assert.equal(write(RECORD, 'warn').length, 0);
});

test('whatever names, times and counts hold, the line is JSON that says the same', () => {
  const hostile = 'a"b\\c\nd\u0000e\u2028é\ud800';
  for (const [durationMs, shown] of [
    [0, 0],
    [0.04, 0],
    [0.05, 0.1],
    [9.96, 10],
    [1234567.89, 1234567.9],
    [Number.NaN, null],
    [-0.26, -0.3],
  ] as const) {
    const [line, ...more] = write({
      ...RECORD,
      requestId: hostile,
      client: hostile,
      route: hostile,
      upstream: hostile,
      method: hostile,
      path: `/${hostile}`,
      decision: { policy: hostile, code: 'rate_limited' },
      durationMs,
      keyId: hostile,
      model: hostile,
      responseModel: hostile,
      finishReasons: [hostile, 'stop', 'stop'],
      tokens: { input: undefined, output: 3, estimated: true },
      identity: hostile,
    });
    assert.equal(more.length, 0);
    assert.equal(line?.indexOf('\n'), line?.length === undefined ? 0 : line.length - 1);
    const said = JSON.parse(line ?? '');
    for (const member of [
      'request_id',
      'client',
      'route',
      'upstream',
      'method',
      'key_id',
      'model',
      'response_model',
      'identity',
    ]) {
      assert.equal(said[member], hostile, member);
    }
    assert.equal(said.path, `/${hostile}`);
    assert.equal(said.decision.policy, hostile);
    assert.equal(said.finish_reason, `${hostile},stop`);
    assert.deepEqual(said.tokens, { output: 3, estimated: true });
    assert.equal(said.duration_ms, shown);
  }
});
