import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LogLines } from './log-lines.ts';

test('past and future lines are found, however the text is cut', async () => {
  const log = new LogLines();
  log.write('{"msg":"one"}\n{"ms');
  assert.deepEqual(await log.waitFor((line) => line.msg === 'one'), { msg: 'one' });
  const two = log.waitFor((line) => line.msg === 'two');
  log.write('g":"two"}\nError: no JSON\n');
  assert.deepEqual(await two, { msg: 'two' });
  assert.deepEqual(log.lines.at(-1), { text: 'Error: no JSON' });
});

test('whoever waits for a line that does not come is told what was logged instead', async () => {
  const log = new LogLines();
  log.write('{"msg":"the port is taken"}\n');
  const missing = log.waitFor((line) => line.msg === 'ready');
  log.end('it exited with 1');
  await assert.rejects(missing, /it exited with 1; it had logged:\n\{"msg":"the port is taken"\}/);
  await assert.rejects(
    log.waitFor((line) => line.msg === 'ready'),
    /it exited with 1/,
  );
});
