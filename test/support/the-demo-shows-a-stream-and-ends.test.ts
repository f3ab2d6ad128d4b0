import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { closeAfter } from './close-after.ts';

const demo = fileURLToPath(new URL('../demo.ts', import.meta.url));

function startDemo() {
  const child = spawn(process.execPath, [demo], { stdio: ['ignore', 'pipe', 'pipe'] });
  closeAfter(undefined, () => child.kill('SIGKILL'));
  const output = { text: '', reads: 0 };
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output.text += text;
    output.reads += 1;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    output.text += text;
  });
  return { child, output, closed: once(child, 'close') };
}

test('it streams token by token, is refused by the limit, shows what moved, and ends with 0', async () => {
  const { output, closed } = startDemo();
  const [code] = await closed;
  assert.equal(code, 0, output.text);
  assert.match(output.text, /as a whole one\./);
  assert.ok(output.reads > 40, `the answer came in ${output.reads} pieces`);
  assert.match(output.text, /the provider got the real one, from Sluice/);
  assert.match(output.text, /RateLimitError, code rate_limited/);
  assert.match(output.text, /sluice_requests_total\{[^\n]*429[^\n]*\} +0 +1/);
  assert.match(output.text, /"msg":"exchange"/);
  assert.equal(output.text.includes('the-real-key'), false);
  assert.equal(output.text.includes('\x1b'), false, 'no colour without a terminal');
});

test('Ctrl-C in the middle of the answer ends it cleanly with 130', async () => {
  const { child, output, closed } = startDemo();
  while (!output.text.includes('channel')) await once(child.stdout, 'data');
  child.kill('SIGINT');
  const [code] = await closed;
  assert.equal(code, 130, output.text);
  assert.match(output.text, /Stopped\.\n$/);
  assert.doesNotMatch(output.text, /as a whole one|Error/);
});
