import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { it } from 'node:test';
import { promisify } from 'node:util';

it('a store without Redis loads no ioredis, and one with Redis does', async () => {
  const create = new URL('../../src/limits/create.ts', import.meta.url).href;
  const script = (options: string) => `
    import { createRequire } from 'node:module';
    const { createLimitStore } = await import(${JSON.stringify(create)});
    const store = await createLimitStore(${options});
    const loaded = Object.keys(createRequire(import.meta.url).cache).some((file) => file.includes('/ioredis/'));
    console.log(store.kind, store.state(), loaded);
    await store.close();`;
  const run = async (options: string) => {
    const args = ['--import', 'tsx', '--input-type=module', '--eval', script(options)];
    return (await promisify(execFile)(process.execPath, args)).stdout.trim();
  };
  assert.equal(await run(`{ redis: { url: '' } }`), 'memory off false');
  // Nobody listens on port 1. That the process ends by itself shows that nothing stays open.
  assert.equal(await run(`{ redis: { url: 'redis://127.0.0.1:1' } }`), 'redis degraded true');
});
