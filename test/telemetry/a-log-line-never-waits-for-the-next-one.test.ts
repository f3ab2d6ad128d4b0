import assert from 'node:assert/strict';
import { openSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { openDestination } from '../../src/telemetry/log-destination.ts';

test('a line that comes while another is written is written too, also when the loop was held up meanwhile', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-log-'));
  const file = join(folder, 'log');
  const fd = openSync(file, 'a');
  const log = openDestination(fd, () => undefined);
  t.after(async () => {
    await log.close();
    await rm(folder, { recursive: true });
  });
  log.write('first\n');
  log.hurry();
  log.write('second\n');
  // The timer of the batch fires before the loop learns that the first write has ended.
  for (const until = performance.now() + 200; performance.now() < until; ) readFileSync(file);
  for (const until = performance.now() + 5_000; performance.now() < until; ) {
    if (readFileSync(file, 'utf8').includes('second\n')) break;
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.equal(readFileSync(file, 'utf8'), 'first\nsecond\n');
});
