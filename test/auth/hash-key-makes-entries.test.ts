import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { hashKey } from '../../src/auth/hash-key.ts';
import { parseKeyFile } from '../../src/auth/key-file.ts';
import { KeyTable } from '../../src/auth/key-table.ts';
import { newKey } from '../support/client-keys.ts';

async function run(argv: string[], stdin = '') {
  const out = { stdout: '', stderr: '' };
  const write = (name: keyof typeof out) => (text: string) => {
    out[name] += text;
  };
  const code = await hashKey(argv, {
    stdin: Readable.from([stdin]),
    stdout: { write: write('stdout') },
    stderr: { write: write('stderr') },
  });
  return { code, ...out };
}

test('an entry of hash-key knows its key and no other, and holds nothing of it', async () => {
  const key = newKey();
  const argv = ['--identity', 'game-eu', '--tag', 'paid', '--tag', 'eu', '--expires', '2099-01-31T00:00:00Z'];
  const { code, stdout, stderr } = await run(argv, `${key}\n`);
  assert.deepEqual([code, stderr], [0, '']);
  const entries = parseKeyFile(stdout);
  assert.deepEqual(entries[0]?.tags, ['paid', 'eu']);
  const table = new KeyTable(entries);
  assert.equal(table.find(key)?.identity, 'game-eu');
  assert.equal(table.find(`${key}x`), undefined);
  assert.ok(!stdout.includes(key.slice(10)));
});

test('--generate shows the key once, on stderr; --salt keeps entries of a list under one salt', async () => {
  const first = await run(['--generate', '--identity', 'a']);
  const key = first.stderr.trim().split(' ').at(-1) ?? '';
  assert.match(key, /^sk-sluice-[\w-]{43}$/);
  assert.ok(!first.stdout.includes(key));
  const salt = first.stdout.split(':')[2] ?? '';
  const second = await run(['--generate', '--identity', 'b', '--salt', salt]);
  assert.equal(second.stdout.split(':')[2], salt);
  const table = new KeyTable(parseKeyFile(first.stdout + second.stdout));
  assert.equal(table.find(key)?.identity, 'a');
});

test('keys that can be guessed, and command lines that are wrong, are refused without repeating anything', async () => {
  const secret = newKey();
  const cases: [argv: string[], stdin: string][] = [
    [['--identity', 'a'], 'short'],
    [['--identity', 'a'], 'a'.repeat(64)],
    [['--identity', 'a'], `${secret} ${secret}`],
    [['--identity', 'a'], ''],
    [['--identity', 'a', secret], secret],
    [[`--key=${secret}`, '--identity', 'a'], ''],
    [[], secret],
    [['--identity', 'a b'], secret],
    [['--identity', 'a', '--tag', 'a b'], secret],
    [['--identity', 'a', '--expires', 'tomorrow'], secret],
    [['--identity', 'a', '--salt', 'x'], secret],
  ];
  for (const [argv, stdin] of cases) {
    await assert.rejects(run(argv, stdin), (error: Error) => !error.message.includes(secret), argv.join(' '));
  }
});

test('many keys cost a hash for each salt, not for each key', async (t) => {
  const entries: ReturnType<typeof parseKeyFile>[number][] = [];
  const salt = 'c2FsdC1vZi10aGUtdGVzdA';
  for (let i = 0; i < 1_000; i++)
    entries.push(...parseKeyFile((await run(['--generate', '--identity', `i${i}`, '--salt', salt])).stdout));
  const table = new KeyTable(entries);
  const rounds = 20_000;
  const key = newKey();
  for (let i = 0; i < rounds; i++) table.find(key);
  const before = performance.now();
  for (let i = 0; i < rounds; i++) table.find(key);
  const each = ((performance.now() - before) / rounds) * 1000;
  t.diagnostic(`${each.toFixed(2)} µs a key among 1,000`);
  assert.ok(each < 100);
});
