import assert from 'node:assert/strict';
import { openSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { openDestination } from '../../src/telemetry/log-destination.ts';

test('lines of one to four bytes a character, short and larger than a batch, are written whole and in order', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-log-'));
  const file = join(folder, 'log');
  const log = openDestination(openSync(file, 'a'), () => undefined);
  t.after(async () => {
    await log.close();
    await rm(folder, { recursive: true });
  });
  const texts = ['a', 'ü', '€', '😀'];
  // Around the third of a batch of 32 KiB, which is what fits surely, and around the whole of it.
  const lengths = [0, 1, 400, 10_921, 10_922, 10_923, 32_767, 32_768, 70_000];
  const lines: string[] = [];
  for (let i = 0; i < 300; i++) {
    const length = i % 20 === 0 ? lengths[(i / 20) % lengths.length] : 300 + i;
    lines.push(`${i} ${(texts[i % texts.length] ?? '').repeat(length ?? 0)}\n`);
  }
  for (const text of texts) for (const length of lengths) lines.push(`${text.repeat(length)}\n`);
  for (const line of lines) log.write(line);
  await log.flush(5000);
  assert.equal(readFileSync(file, 'utf8'), lines.join(''));
  assert.equal(log.dropped(), 0);
});
