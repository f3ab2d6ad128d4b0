import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** Every relative import of the files below a folder, as paths from the root. */
function importsBelow(folder: string): { file: string; target: string }[] {
  const found: { file: string; target: string }[] = [];
  for (const name of readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })) {
    if (!name.endsWith('.ts')) continue;
    const file = join(folder, name);
    const text = readFileSync(join(root, file), 'utf8');
    for (const [, specifier] of text.matchAll(/(?:from|import)\s*\(?\s*['"]([^'"]+)['"]/g)) {
      if (specifier === undefined) continue;
      const target = specifier.startsWith('.') ? relative(root, resolve(root, dirname(file), specifier)) : specifier;
      found.push({ file, target });
    }
  }
  return found;
}

const mayImport = ['src/policy.ts', 'src/errors.ts', 'src/limits/', 'src/llm/', 'src/config/types.ts', 'policies/'];

test('policies import the contract, errors, limits, llm and schema fragments, and nothing else of src', () => {
  const all = importsBelow('policies');
  assert.ok(all.length > 5, 'the scan found the imports');
  const bad = all.filter(
    ({ target }) =>
      target.includes('/') &&
      /^(?:src|test|policies)\//.test(target) &&
      !mayImport.some((prefix) => target.startsWith(prefix)),
  );
  assert.deepEqual(bad, []);
});

test('nothing in src but main.ts imports policies, and nothing there imports tests', () => {
  const bad = importsBelow('src').filter(
    ({ file, target }) => (target.startsWith('policies/') && file !== 'src/main.ts') || target.startsWith('test/'),
  );
  assert.deepEqual(bad, []);
});

test('only the forwarder imports http-proxy-3', () => {
  const users = importsBelow('src').filter(({ target }) => target === 'http-proxy-3');
  assert.deepEqual(
    users.map(({ file }) => file),
    ['src/upstream/forward.ts'],
  );
});

test('files of src and policies stay readable: at most 300 lines', () => {
  const long: string[] = [];
  for (const folder of ['src', 'policies']) {
    for (const name of readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })) {
      if (!name.endsWith('.ts')) continue;
      const lines = readFileSync(join(root, folder, name), 'utf8').split('\n').length;
      if (lines > 300) long.push(`${folder}/${name}: ${lines}`);
    }
  }
  assert.deepEqual(long, []);
});
