// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these texts are YAML with references to variables.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { type LoadResult, loadConfig } from '../../src/config/load.ts';
import { formatProblems } from '../../src/config/problems.ts';
import { base, load, loadValid, policies, problemsOf } from './sample.ts';

const texts: Record<string, readonly [text: string, says: RegExp]> = {
  'an empty file': ['', /^proxy\.yaml {2}is empty/],
  'comments only': ['# a\n\n# b\n', /^proxy\.yaml {2}is empty/],
  'an empty document': ['---\n', /^proxy\.yaml {2}is empty/],
  'a scalar': ['hello', /^proxy\.yaml:1:1 {2}must be a map/],
  'two documents': [`${base}---\n${base}`, /^proxy\.yaml:6:\d+ {2}holds a second document/],
  'YAML 1.1': [`%YAML 1.1\n---\n${base}`, /^proxy\.yaml:1:1 {2}asks for another version/],
  'an unknown directive': [`%A b\n---\n${base}`, /^proxy\.yaml:1:1 {2}is not valid YAML/],
  'a directive alone': ['%A b\n', /^proxy\.yaml/],
  'a key twice': [
    `${base}admin: localhost:1\nredis: {}\nadmin: localhost:2\n`,
    /^proxy\.yaml:8:1 {2}admin {2}is given twice: already at line 6, column 1; remove one of them$/,
  ],
  'an alias of nothing': [`${base}admin: *no\n`, /^proxy\.yaml:6:8 {2}admin {2}is an alias of "no", but no anchor/],
  'an alias of itself': [
    `${base}server: &a { drain: *a }\n`,
    /^proxy\.yaml:6:21 {2}server\.drain {2}is an alias that contains itself$/,
  ],
  'a merge key': [
    `${base}server: { <<: { drain: 1s } }\n`,
    /^proxy\.yaml:6:11 {2}server\["<<"\] {2}is not a key of YAML 1\.2/,
  ],
  'the key __proto__': [
    `${base}server: { __proto__: { drain: 1s } }\n`,
    /^proxy\.yaml:6:11 {2}server\.__proto__ {2}is a reserved name/,
  ],
  'the key constructor': [
    `${base}constructor: { prototype: 1 }\n`,
    /^proxy\.yaml:6:1 {2}constructor {2}is a reserved name and cannot be a key$/,
  ],
  'a map as a key': [`${base}? { a: b }\n: 1\n`, /^proxy\.yaml:6:3 {2}is not valid YAML/],
  'an unknown tag': [`${base}admin: !!js/function "x"\n`, /^proxy\.yaml:6:8 {2}is not valid YAML: Unresolved tag/],
  'a date': [
    `${base}admin: !!timestamp 2001-01-01\n`,
    /^proxy\.yaml:6:\d+ {2}admin {2}has a type that is not used here/,
  ],
  'a tab': ['upstreams:\n\ta: b\n', /^proxy\.yaml:2:1 {2}is not valid YAML/],
  'an open bracket': ['a: {b: [1\n', /^proxy\.yaml:2:1 {2}is not valid YAML/],
  'a NUL': [`${base}admin: "a\0b"\n`, /^proxy\.yaml:6:10 {2}has a control character/],
  'an escape for terminals': [`${base}x: "\u001b[2J"\n`, /^proxy\.yaml:6:5 {2}has a control character/],
  'an escaped escape': [
    `${base}admin: "\\e[2J\\u202e"\n`,
    /^proxy\.yaml:6:8 {2}admin {2}.*, got "\\u001b\[2J\\u202e"$/,
  ],
  'a long value': [`${base}admin: ${'x'.repeat(100_000)}\n`, /^proxy\.yaml:6:8 {2}admin {2}.*, got "x{60}…"$/],
  'a long key': [
    `${base}${'x'.repeat(1000)}: 1\n`,
    /^proxy\.yaml:6:1 {2}\["x{60}…"\] {2}is not a known key; known keys: /,
  ],
  'a bomb of aliases': [
    `a: &a [x,x,x,x,x,x,x,x]\n${'bcdefghi'.replaceAll(/./g, (c) => `${c}: &${c} [${`*${String.fromCharCode(c.charCodeAt(0) - 1)},`.repeat(8)}]\n`)}`,
    /has aliases that expand to more than 10000 values$/,
  ],
  'deep brackets': ['['.repeat(500_000), /^proxy\.yaml:1:\d+ {2}is nested deeper than 64 levels$/],
  'deep braces': ['{'.repeat(5000), /^proxy\.yaml:1:\d+ {2}is nested deeper than 64 levels$/],
  'deep dashes': ['- '.repeat(100_000), /^proxy\.yaml:1:\d+ {2}is nested deeper than 64 levels$/],
  'deep question marks': ['? '.repeat(100_000), /^proxy\.yaml:1:\d+ {2}is nested deeper than 64 levels$/],
  'more than a megabyte': [`a: ${'x'.repeat(1024 * 1024)}`, /^proxy\.yaml {2}is larger than 1024 KiB/],
};

for (const [name, [text, says]] of Object.entries(texts)) {
  test(`${name} is a problem with its place`, () => {
    const found = problemsOf(text).join('\n');
    assert.match(found, says);
    assert.doesNotMatch(found, /\bat \S+:\d+:\d+\)?$|Error:|node_modules/m);
  });
}

test('a hundred thousand mistakes are a hundred messages and a count, in bounded time', (t) => {
  const before = process.cpuUsage();
  const many = Array.from({ length: 100_000 }, (_, i) => `a${i}: 1\n`).join('');
  const keys = problemsOf(base + many);
  assert.equal(keys.length, 101);
  assert.match(keys[100] ?? '', /^proxy\.yaml {2}and 99900 more problems, not shown$/);
  const items = problemsOf(`${base}policies: [{ policy: plain, when: { client: [${'x,'.repeat(100_000)}] } }]\n`);
  assert.equal(items.length, 101);
  assert.match(items[0] ?? '', /^proxy\.yaml:1:1 {2}has more than 10000 wrong values; not all are told$/);
  const entries = problemsOf(`${base}policies: [${'{},'.repeat(100_000)}]\n`);
  assert.match(entries[0] ?? '', /policies {2}must be a list of at most 1000 entries$/);
  // Of the processor, not of the wall: other tests run beside it.
  const { user, system } = process.cpuUsage(before);
  t.diagnostic(`${Math.round((user + system) / 1000)} ms of processor time`);
  assert.ok(user + system < 30_000_000);
});

test('aliases within the bound are values like any other', () => {
  const yaml = `${base}policies:\n  - { policy: keys, id: a, with: &w { keys: [{ env: &e KEY }] } }\n  - { policy: keys, id: b, with: *w }\n  - { policy: keys, id: c, with: { keys: [{ env: *e }] } }\n`;
  const { config, locate } = loadValid(yaml);
  assert.deepEqual(
    config.policies.map((entry) => entry.with),
    Array(3).fill({ keys: [{ env: 'KEY' }] }),
  );
  assert.equal(locate('/policies/1/with/keys').line, 7, 'where the text is');
  assert.equal(locate('/policies/2/with/keys/0/env').line, 9, 'where it is used');
});

test('an anchor that is given anew does not change what was said before', () => {
  const yaml = `${base}policies:\n  - { policy: keys, id: a, with: { set: { x: &x one } } }\n  - { policy: keys, id: b, with: &b { set: { x: *x } } }\n  - { policy: keys, id: c, with: { set: { x: &x two } } }\n  - { policy: keys, id: d, with: *b }\n`;
  const last = loadValid(yaml).config.policies[3]?.with;
  assert.deepEqual(last, { keys: [], set: { x: 'one' } });
});

test('a byte order mark and CRLF are no mistakes', async (t) => {
  const folder = await temporaryFolder(t);
  const file = join(folder, 'a.yaml');
  await writeFile(file, `\ufeff${base.replaceAll('\n', '\r\n')}`);
  assert.equal((await loadFiles(file)).ok, true);
});

test('files that cannot be used say why, all at once', async (t) => {
  const folder = await temporaryFolder(t);
  const place = (name: string) => join(folder, name);
  await writeFile(place('latin1.yaml'), Buffer.from('a: \xe4\n', 'latin1'));
  await writeFile(place('utf16.yaml'), Buffer.from(base, 'utf16le'));
  await writeFile(place('big.yaml'), Buffer.alloc(2 * 1024 * 1024, 0x20));
  await writeFile(place('secret.yaml'), base);
  await chmod(place('secret.yaml'), 0);
  await mkdir(place('folder'));
  await symlink(place('loop'), place('loop'));
  execFileSync('mkfifo', [place('pipe')]);
  const expected: Record<string, string> = {
    'absent.yaml': 'does not exist; name it with --config',
    'latin1.yaml': 'is not UTF-8; save it as UTF-8 text',
    'utf16.yaml': 'has a control character here, which YAML does not allow',
    'big.yaml': 'is larger than 1024 KiB; split it into several files',
    folder: 'is a directory; name the file in it',
    loop: 'is a symbolic link that leads to itself',
    pipe: 'is no regular file',
    'secret.yaml/x': 'does not exist; name it with --config',
    ['x'.repeat(300)]: 'has a name that is too long',
    'a\0b': 'has a name that no file can have',
  };
  if (process.getuid?.() !== 0) expected['secret.yaml'] = 'may not be read by this user';
  const result = await loadFiles(...Object.keys(expected).map(place));
  assert.equal(result.ok, false);
  const said = result.ok ? [] : result.problems.map(({ file, message }) => [file.slice(folder.length + 1), message]);
  assert.deepEqual(said, Object.entries(expected));
});

test('no file at all is a problem too', async () => {
  const result = await loadFiles();
  assert.equal(result.ok ? '' : formatProblems(result.problems), 'no configuration file was given');
  assert.equal(load([]).ok, false);
});

test('a relative path is taken from the folder of the file that says it', async (t) => {
  const folder = await temporaryFolder(t);
  await mkdir(join(folder, 'over'));
  await writeFile(
    join(folder, 'a.yaml'),
    `${base}policies: [{ policy: keys, with: { cert: { file: c.pem }, keys: [{ file: /run/key }] } }]\n`,
  );
  await writeFile(
    join(folder, 'over/b.yaml'),
    'policies: [{ id: keys, with: { keys: [{ file: ../k }, { file: "${DIR:-x}/k" }] } }]\n',
  );
  const result = await loadFiles(join(folder, 'a.yaml'), join(folder, 'over/b.yaml'));
  assert.deepEqual(result.ok && result.config.policies[0]?.with, {
    cert: { file: join(folder, 'c.pem') },
    keys: [{ file: join(folder, 'k') }, { file: join(folder, 'over/x/k') }],
  });
});

function loadFiles(...files: string[]): Promise<LoadResult> {
  return loadConfig(files, { policies, env: {} });
}

async function temporaryFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-config-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}
