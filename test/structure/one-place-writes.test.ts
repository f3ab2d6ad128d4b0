import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** Runs when an image is built, where there are no keys and no calls: it writes what V8 compiled, and where. */
const warmUp = 'src/launch/warm-up.ts';

/** What brings text out of the process, and the files that may: each hands it to `telemetry/redact.ts` first. */
const writers: readonly [what: string, pattern: RegExp, files: readonly string[]][] = [
  ['the console', /\bconsole\s*\./, []],
  ['warnings of Node', /\bemitWarning\b/, []],
  [
    'standard output and error',
    /process\.(?:stdout|stderr)\.write/,
    ['src/main.ts', 'src/telemetry/auto-instrumentation.ts', warmUp],
  ],
  ['a logger', /\bpino\(/, ['src/telemetry/log.ts']],
  ['lines past the logger', /\bwriteInfo\(/, ['src/telemetry/log.ts', 'src/telemetry/access-log.ts']],
  [
    'files',
    /\b(?:writeFile|writeFileSync|appendFile|createWriteStream|writeSync)\b/,
    ['src/telemetry/log-destination.ts', warmUp],
  ],
  [
    'spans',
    /\btoSpan\(/,
    [
      'src/telemetry/span.ts',
      'src/telemetry/attempt-trace.ts',
      'src/telemetry/command-span.ts',
      'src/telemetry/exchange-trace.ts',
    ],
  ],
];

test('only a few files bring text out of the process', () => {
  const texts = ['src', 'policies'].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts'))
      .map((name) => ({ file: join(folder, name), text: readFileSync(join(root, folder, name), 'utf8') })),
  );
  assert.ok(texts.length > 100);
  for (const [what, pattern, allowed] of writers) {
    const found = texts.filter(({ text }) => pattern.test(text.replace(/^\s*(?:\*|\/\/|\/\*\*).*$/gm, '')));
    const others = found.map(({ file }) => file).filter((file) => !allowed.includes(file));
    assert.deepEqual(others, [], what);
  }
});
