import assert from 'node:assert/strict';
import { test } from 'node:test';
import { selfSignedCertificate } from '../support/self-signed-certificate.ts';
import { Captures } from './captures.ts';
import { judgeSecrets } from './judge.ts';
import { GIVEN, type Place } from './places.ts';
import { Scanner } from './scan.ts';
import { makeSecret, privateKeySecret } from './secrets.ts';

const noise = Buffer.from('{"level":"info","msg":"exchange","path":"/openai/v1/chat/completions"}\n'.repeat(50));

function found(scanner: Scanner, planted: Buffer | string): number {
  // Wherever it stands: the scan looks at every ninth place only.
  const at = Array.from({ length: 9 }, (_, i) => i);
  const bytes = typeof planted === 'string' ? Buffer.from(planted) : planted;
  return at.filter((i) => scanner.scan(Buffer.concat([noise, Buffer.alloc(i, '-'), bytes, noise])).length === 1).length;
}

test('a secret is found in every written form, wherever it stands', () => {
  const { text, needles } = makeSecret('sk-');
  const scanner = new Scanner(new Map([['it', { text, needles }]]));
  const forms = [
    text,
    text.toUpperCase(),
    [...text].reverse().join(''),
    Buffer.from(text).toString('hex'),
    Buffer.from(text).toString('hex').toUpperCase(),
    ...['', 'u', 'u:', 'u:p'].map((before) => Buffer.from(before + text).toString('base64')),
    ...['', 'u', 'u:', 'u:p'].map((before) => Buffer.from(before + text).toString('base64url')),
    encodeURIComponent(text),
    [...text].map((c) => `%${c.charCodeAt(0).toString(16)}`).join(''),
    [...text].map((c) => `\\u00${c.charCodeAt(0).toString(16)}`).join(''),
    Buffer.from(text, 'utf16le'),
  ];
  for (const form of forms) assert.equal(found(scanner, form), 9, String(form));
});

test('any twelve bytes in a row of the random part are found, eleven are not', () => {
  const secret = makeSecret('');
  const scanner = new Scanner(new Map([['it', secret]]));
  for (let i = 0; i + 12 <= secret.text.length; i++) {
    assert.equal(found(scanner, secret.text.slice(i, i + 12)), 9);
    assert.equal(found(scanner, secret.text.slice(i, i + 11)), 0);
  }
  assert.equal(found(scanner, makeSecret('').text), 0);
});

test('the secret part of a private key is found as PEM and as bytes, its public part is none', () => {
  const { key, cert } = selfSignedCertificate();
  const scanner = new Scanner(new Map([['key', privateKeySecret(key)]]));
  const der = Buffer.from(key.replaceAll(/-----.*-----|\s/g, ''), 'base64');
  for (const planted of [key, der, der.toString('hex'), JSON.stringify(key)]) assert.equal(found(scanner, planted), 9);
  assert.equal(found(scanner, cert), 0);
});

test('a secret is a leak everywhere but in its own sinks, and one that was not where it belongs is told', () => {
  const table: Record<string, Place> = {
    key: { prefix: '', own: ['upstream:a'] },
    prompt: { prefix: '', own: ['upstream:*', 'passed:*'], reaches: 'upstream:a' },
    comment: { prefix: '', own: [], reaches: GIVEN },
  };
  const secrets = new Map(Object.keys(table).map((name) => [name, makeSecret('')]));
  const text = (name: string) => secrets.get(name)?.text ?? '';
  const judged = (planted: Readonly<Record<string, string>>) => {
    const captures = new Captures();
    for (const [sink, bytes] of Object.entries(planted)) captures.add(sink, bytes);
    const { leaks, unsent } = judgeSecrets(captures, new Scanner(secrets), table);
    return { leaks: leaks.map(({ place, sink }) => `${place} in ${sink}`), unsent };
  };
  const right = { 'upstream:a': text('key') + text('prompt'), 'passed:a': text('key'), [GIVEN]: text('comment') };
  assert.deepEqual(judged(right), { leaks: [], unsent: [] });
  assert.deepEqual(judged({ ...right, log: text('key'), 'upstream:b': text('key') }).leaks, [
    'key in log',
    'key in upstream:b',
  ]);
  assert.deepEqual(judged({ ...right, 'passed:b': text('key') }).leaks, ['key in passed:b']);
  assert.deepEqual(judged({ ...right, log: text('prompt') + text('comment') }).leaks, [
    'prompt in log',
    'comment in log',
  ]);
  assert.deepEqual(judged({ [GIVEN]: text('key') }).unsent, ['key', 'prompt', 'comment']);
});

test('a secret in two reads is found', () => {
  const secret = makeSecret('');
  const captures = new Captures();
  captures.add('log', secret.text.slice(0, 10));
  captures.add('log', secret.text.slice(10));
  const { leaks } = judgeSecrets(captures, new Scanner(new Map([['it', secret]])), {});
  assert.equal(leaks.length, 1);
});
