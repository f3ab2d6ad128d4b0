import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { type TestContext, test } from 'node:test';

/** Runs a program whose stdout is a pipe behind a shell, as in a container, and whose stderr tells us how it goes. */
function run(t: TestContext, program: string): { child: ChildProcess; said: AsyncIterator<string> } {
  const source = `import { createLog } from ${JSON.stringify(new URL('../../src/telemetry/log.ts', import.meta.url).href)};
const log = createLog({ level: 'info' });
const say = (what) => process.stderr.write(what + '\\n');
${program}`;
  const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '--eval', source], {
    stdio: ['pipe', 'pipe', 'pipe'],
    cwd: new URL('../..', import.meta.url),
  });
  t.after(() => child.kill('SIGKILL'));
  return { child, said: createInterface({ input: child.stderr })[Symbol.asyncIterator]() };
}

test('a reader that has stopped costs lines, which are counted, not memory, loop time or the exit', {
  timeout: 30_000,
}, async (t) => {
  const { child, said } = run(
    t,
    `let longest = 0, last = performance.now(), i = 0;
     const timer = setInterval(() => {
       const now = performance.now(); longest = Math.max(longest, now - last); last = now;
       for (let k = 0; k < 1000; k += 1) log.info({ i: i++ }, 'x'.repeat(200));
       if (i < 100_000) return;
       clearInterval(timer);
       say(JSON.stringify({ dropped: log.dropped(), longest, rss: process.memoryUsage().rss }));
       log.close().then(() => process.exit(0));
     }, 1);`,
  );
  child.stdout?.pause();
  const report = JSON.parse((await said.next()).value);
  assert.ok(report.dropped > 50_000 && report.dropped < 100_000, `dropped ${report.dropped}`);
  assert.ok(report.longest < 1000, `the loop stood still for ${report.longest} ms`);
  assert.ok(report.rss < 300e6, `${report.rss} bytes`);
  const started = performance.now();
  const [code] = await once(child, 'exit');
  assert.equal(code, 0);
  assert.ok(performance.now() - started < 5000);
});

test('what waits for a reader that has stopped holds its bytes and no more, also where each line is handed over by itself', {
  timeout: 30_000,
}, async (t) => {
  const { child, said } = run(
    t,
    `for (let i = 0; i < 20_000; i += 1) { log.warn({ i }, 'x'.repeat(200)); if (i % 100 === 0) await new Promise(setImmediate); }
     say(JSON.stringify({ dropped: log.dropped(), held: process.memoryUsage().arrayBuffers }));
     log.close().then(() => process.exit(0));`,
  );
  child.stdout?.pause();
  const { dropped, held } = JSON.parse((await said.next()).value);
  assert.ok(dropped > 0, 'the bound was not reached');
  assert.ok(held < 16 * 1024 * 1024, `${held} bytes`);
});

test('when the reader reads again, it is told how many lines were lost', { timeout: 30_000 }, async (t) => {
  const { child, said } = run(
    t,
    `for (let i = 0; i < 100_000; i += 1) log.info({ i }, 'x'.repeat(200));
     say('written');
     process.stdin.on('data', () => {}).on('end', () => log.close().then(() => process.exit(0)));`,
  );
  child.stdout?.pause();
  assert.equal((await said.next()).value, 'written');
  child.stdin?.on('error', () => {});
  assert.ok(child.stdout);
  let lost: number | undefined;
  let read = 0;
  for await (const line of createInterface({ input: child.stdout })) {
    const parsed = JSON.parse(line); // no line is torn
    if (parsed.lost === undefined) read += 1;
    else {
      lost = parsed.lost;
      child.stdin?.end();
    }
  }
  assert.equal(read + (lost ?? 0), 100_000);
});

for (const count of [3, 30_000]) {
  test(`all of ${count} lines are there when the process exits right after flush`, { timeout: 30_000 }, async (t) => {
    const { child } = run(
      t,
      `for (let i = 0; i < ${count}; i += 1) { log.info({ i }, 'line'); if (i % 100 === 0) await new Promise(setImmediate); }
       await log.flush();
       process.exit(0);`,
    );
    assert.ok(child.stdout);
    // Looked at afterwards: a flush waits for its reader one second and no longer.
    const chunks: Buffer[] = await child.stdout.toArray();
    const lines = Buffer.concat(chunks).toString().trimEnd().split('\n');
    assert.equal(lines.length, count);
    for (const [i, line] of lines.entries()) assert.equal(JSON.parse(line).i, i);
  });
}

test('what was written is there after flush, in order, and a reader that has gone is no error', {
  timeout: 30_000,
}, async (t) => {
  const { child, said } = run(
    t,
    `for (let i = 0; i < 20_000; i += 1) log.info({ i }, 'line');
     await log.flush();
     say('flushed');
     process.stdin.once('data', async () => {
       for (let i = 0; i < 1000; i += 1) { log.info({ i }, 'into nowhere'); await new Promise(setImmediate); }
       await log.flush(); await log.close();
       say('alive');
       process.exit(0);
     });`,
  );
  assert.ok(child.stdout);
  const lines: number[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    lines.push(JSON.parse(line).i);
    if (lines.length === 20_000) break;
  }
  assert.deepEqual(
    lines,
    Array.from({ length: 20_000 }, (_, i) => i),
  );
  assert.equal((await said.next()).value, 'flushed');
  child.stdout.destroy();
  child.stdin?.write('go\n');
  assert.equal((await said.next()).value, 'alive');
});
