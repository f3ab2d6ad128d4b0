import assert from 'node:assert/strict';
import { test } from 'node:test';
import { rememberSecret } from '../../src/telemetry/known-secrets.ts';
import { describeError, REDACTED, redactFields, scrub, scrubName } from '../../src/telemetry/redact.ts';

const C = 'cAnArY0123456789cAnArY0123456789';

/** Texts that hold C where a secret of this kind has its secret part. */
const shapes: readonly string[] = [
  `sk-${C}`,
  `sk-proj-${C}`,
  `sk-ant-api03-${C}`,
  `sk-or-v1-${C}`,
  `sk_live_${C}`,
  `AIza${C}abc`,
  `xai-${C}`,
  `gsk_${C}`,
  `hf_${C}`,
  `pplx-${C}`,
  `nvapi-${C}`,
  `ghp_${C}`,
  `github_pat_${C}`,
  `glpat-${C}`,
  `xoxb-${C}`,
  `ya29.${C}`,
  `eyJ${C}.${C}.${C}`,
  `Bearer ${C}`,
  `BEARER ${C}`,
  `authorization%3A bearer%20${C}`,
  `Basic ${C}==`,
  `authorization: Basic ${C}`,
  `"authorization":"Token ${C}"`,
  `Proxy-Authorization: ${C}`,
  `x-api-key: ${C}`,
  `'x-api-key': '${C}'`,
  `{"api_key":"${C}"}`,
  `{"apiKey": "${C}"}`,
  `api-key=${C}`,
  `x-goog-api-key: ${C}`,
  `Set-Cookie: ${C}`,
  `cookie: sid=${C}`,
  `client_secret=${C}`,
  `password=${C}`,
  `"access_token": "${C}"`,
  `https://x.io/v1?key=${C}&alt=sse`,
  `/v1beta/models?alt=sse&api_key=${C}`,
  `?access_token=${C}#x`,
  `wss://x.io/?token=${C}`,
  `https://s3/?X-Amz-Signature=${C}`,
  `redis://:${C}@redis:6379`,
  `rediss://default:${C}@host`,
  `https://user:p@ss${C}@host/path`,
  `-----BEGIN PRIVATE KEY-----\n${C}\n${C}\n-----END PRIVATE KEY-----`,
  `-----BEGIN RSA PRIVATE KEY-----\\n${C}\\n-----END RSA PRIVATE KEY-----`,
];

for (const text of shapes) {
  test(`taken out: ${JSON.stringify(text).replaceAll(C, '…')}`, () => {
    for (const around of [text, `failed: ${text}`, `{"m":"${text}"}`, `(${text})`, `a\n${text}\nb`]) {
      const clean = scrub(around);
      assert.ok(!clean.includes('cAnArY'), clean);
      assert.match(clean, /\[redacted\]/);
    }
  });
}

test('a secret of letters and digits alone is taken out, in whatever case its prefix is', () => {
  const letters = 'cAnArY0123456789cAnArY0123456789';
  for (const prefix of ['AIza', 'aiza', 'AIZA']) assert.equal(scrub(`${prefix}${letters}`), REDACTED);
  for (const id of ['AKIAIOSFODNN7EXAMPLE', 'akiaiosfodnn7example', 'ASIAIOSFODNN7EXAMPLE', 'asiaiosfodnn7example']) {
    assert.equal(scrub(id), REDACTED);
  }
});

test('a name that was harmless is judged again when it has become a secret, and one that never was stays taken out', () => {
  const name = 'model-that-becomes-a-secret';
  assert.equal(scrubName(name, 128), name);
  assert.equal(scrubName(name, 128), name);
  rememberSecret(name);
  for (let i = 0; i < 2; i++) assert.equal(scrubName(name, 128), REDACTED);
  for (let i = 0; i < 2; i++) assert.equal(scrubName(`sk-${C}`, 128), REDACTED);
  assert.equal(scrubName('gpt-4o-mini', 4), scrub('gpt-4o-mini', 4));
});

test('an AWS key id is taken out', () => {
  for (const id of ['AKIAIOSFODNN7EXAMPLE', 'ASIAIOSFODNN7EXAMPLE']) assert.equal(scrub(`id ${id}.`), 'id [redacted].');
});

test('words of logs stay', () => {
  for (const text of [
    'authorization failed for upstream "a"',
    'the token bucket of task-0123456789-abcdef',
    'https://api.openai.com/v1/chat/completions?alt=sse',
    'password: short',
    'Unexpected end of JSON input',
    'key_missing: No key for upstream "openai": set environment variable OPENAI_API_KEY.',
    'gpt-4o-2024-08-06 and claude-sonnet-4-20250514',
    '-----BEGIN CERTIFICATE-----',
    'a basic education',
    'ratio 12:34, 2606:4700::1',
  ]) {
    assert.equal(scrub(text), text);
  }
});

test('what JSON.parse quotes of its input is not repeated', () => {
  const inputs = [
    'Hello prompt',
    '{"a": Hello prompt}',
    `{"messages":[{"content":"Hello "prompt" x"}]}`,
    'Hello\nprompt" is',
    '"',
  ];
  for (const input of inputs) {
    let error: unknown;
    try {
      JSON.parse(input);
    } catch (caught) {
      error = caught;
    }
    assert.ok(error instanceof SyntaxError);
    const said = JSON.stringify(describeError(error, true));
    assert.doesNotMatch(
      said.replace(error.stack?.slice(error.stack.indexOf('\n    at')) ?? '', ''),
      /ello|prompt/,
      said,
    );
  }
});

test('a secret of any form is taken out by its value, also as it stands in JSON and in URLs', () => {
  const secret = 'mycorp/12345 "x"ü';
  assert.ok(scrub(`the key ${secret} is wrong`).includes(secret), 'it has no shape');
  rememberSecret(secret);
  assert.equal(scrub(`the key ${secret} is wrong`), 'the key [redacted] is wrong');
  assert.equal(scrub(`${secret}${secret}`), '[redacted][redacted]');
  assert.ok(!scrub(JSON.stringify({ message: `no such key: ${secret}` })).includes('mycorp'));
  assert.ok(!scrub(`/v1?x=${encodeURIComponent(secret)}`).includes('mycorp'));
  const fields = redactFields(
    { [`k ${secret}`]: [{ a: `is ${secret}` }], err: new Error(secret, { cause: secret }) },
    true,
  );
  assert.ok(!JSON.stringify(fields).includes('mycorp'));
});

test('short values are words, not secrets; the oldest of many secrets are forgotten', () => {
  rememberSecret('openai');
  rememberSecret(undefined);
  assert.equal(scrub('upstream openai'), 'upstream openai');
  rememberSecret('oldest-of-all');
  for (let i = 0; i < 300; i++) rememberSecret(`rotated-secret-${i}`);
  assert.equal(scrub('oldest-of-all'), 'oldest-of-all', 'the list is bounded');
  assert.equal(scrub('rotated-secret-299 rotated-secret-200'), '[redacted] [redacted]');
});

test('a secret that lies across the cut does not show by half', () => {
  rememberSecret('unshaped-canary-value');
  for (const secret of ['unshaped-canary-value', `sk-${C}`, `Bearer ${C}`]) {
    for (let before = 90; before <= 101; before++) {
      for (const behind of ['', 'x'.repeat(1000), 'x'.repeat(5000)]) {
        const clean = scrub(`${'a '.repeat(before / 2)}${secret} ${behind}`, 100);
        assert.doesNotMatch(clean, /unsh|cAnA/, `${before} ${behind.length}`);
        assert.ok(clean.length <= 112);
      }
    }
  }
  assert.doesNotMatch(scrub(`${'b'.repeat(4096 + 1020)} sk-${C}`), /cAnA/);
});

test('hostile texts cost linear time, whatever they are made of', () => {
  const pieces = [
    'eyJ',
    'eyJaaaaaaaa.',
    '://',
    '://a@',
    'sk-',
    'bearer ',
    'bearer%20',
    'basic ',
    '?key=',
    'cookie: ',
    '"',
    '" is not valid JSON',
  ];
  pieces.push(
    '-----BEGIN PRIVATE KEY-----',
    '-----BEGIN ',
    'authorization: a ',
    'AKIA',
    'password',
    'x-api-key: ',
    '&token=',
    '%41',
    ' ',
    'a',
  );
  for (const piece of pieces) {
    const time = (size: number) => {
      const text = piece.repeat(size / piece.length);
      const began = performance.now();
      scrub(text, size);
      return performance.now() - began;
    };
    // Quadratic, it would be 10 billion steps and more.
    assert.ok(time(262_144) < 5000, piece);
  }
});

test('a secret that is the beginning of another one leaves nothing of it behind, whichever came first', () => {
  for (const [short, long] of [
    ['prefix-one', 'prefix-one-and-its-rest'],
    ['prefix-two', 'prefix-two-and-its-rest'],
  ] as const) {
    for (const one of short.endsWith('one') ? [short, long] : [long, short]) rememberSecret(one);
    assert.equal(scrub(`${long} ${short}`), `${REDACTED} ${REDACTED}`);
  }
});
