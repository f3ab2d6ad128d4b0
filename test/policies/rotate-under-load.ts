/** Load on a Sluice whose key file is rotated as a mounted Secret does it. */
import assert from 'node:assert/strict';
import { Agent } from 'node:http';
import type { TestContext } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { startProvider } from '../support/fake-provider.ts';
import { mountSecret } from '../support/mounted-secret.ts';
import { request } from '../support/request.ts';
import { startProxy } from '../support/start-proxy.ts';

/** How soon after a swap no request may carry an older key. */
const allowedMs = 2_000;

/**
 * Rotates so many times while eight clients ask all the time. The provider refuses a key two seconds after it has been
 * replaced, as one does that revokes it: nothing may fail then, and no such request may even have been sent.
 */
export async function rotateUnderLoad(t: TestContext, rotations: number): Promise<void> {
  const secret = await mountSecret(t, 'key-0');
  /** When each key was replaced. */
  const replaced = new Map<string, number>();
  const late: string[] = [];
  const seen = new Set<string>();
  const provider = await startProvider({
    t,
    override: ({ headers, at }) => {
      const key = String(headers.authorization).replace('Bearer ', '');
      seen.add(key);
      if (at - (replaced.get(key) ?? at) <= allowedMs) return undefined;
      late.push(key);
      return { status: 401 };
    },
  });
  const policies = [{ policy: 'key-injection', with: { keys: [{ file: secret.file, name: 'main' }] } }];
  const proxy = await startProxy({ upstream: provider.url, policies }, { t });
  const agent = new Agent({ keepAlive: true });
  t.after(() => agent.destroy());
  const failures: number[] = [];
  let asked = 0;
  let over = false;
  const client = async () => {
    while (!over) {
      const { status } = await request(`${proxy.url}/openai/v1/models`, { agent, method: 'POST', body: '{}' });
      asked++;
      if (status !== 200) failures.push(status);
      // A load, not a flood: the machine has other work.
      await wait(5);
    }
  };
  const clients = Array.from({ length: 8 }, client);
  for (let i = 1; i <= rotations; i++) {
    await secret.publish(`key-${i}`);
    replaced.set(`key-${i - 1}`, performance.now());
    // Until it is used: then the next swap; some come close upon the one before, as no kubelet would.
    while (i % 5 !== 0 && !seen.has(`key-${i}`)) {
      assert.ok(performance.now() - (replaced.get(`key-${i - 1}`) ?? 0) < allowedMs, `key-${i} is used in time`);
      await wait(10);
    }
  }
  // The last ones become late only now, were they used still.
  await wait(allowedMs + 200);
  over = true;
  await Promise.all(clients);
  assert.deepEqual(late, [], 'no request with an old key two seconds after its swap');
  assert.deepEqual(failures, [], 'and none failed');
  assert.ok(asked > rotations * 8, `there was load: ${asked} requests`);
  assert.ok(seen.size > rotations * 0.7, `keys came into use: ${seen.size}`);
  assert.equal(provider.requests.at(-1)?.headers.authorization, `Bearer key-${rotations}`);
  const series = [...(await proxy.metrics()).matchAll(/^sluice_key_state\{.*\} .*$/gm)];
  assert.equal(series.length, 1, 'one series, that of the last generation');
  assert.match(series[0]?.[0] ?? '', /key_id="main\.\d+"\} 1$/);
}
