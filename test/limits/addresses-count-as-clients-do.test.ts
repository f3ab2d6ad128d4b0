import assert from 'node:assert/strict';
import { it, type TestContext } from 'node:test';
import { Pool } from 'undici';
import { startRawUpstream } from '../support/raw-upstream.ts';
import { startProxy } from '../support/start-proxy.ts';

/** Sends requests one by one, each with these headers; how many passed. */
async function start(t: TestContext, limit: number, trusted: readonly string[]) {
  const upstream = await startRawUpstream(
    (exchange) => void exchange.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok'),
    { t },
  );
  const policies = [{ policy: 'request-rate', with: { limit, per: '10m', key: 'client_ip' } }];
  const proxy = await startProxy({ upstream: upstream.url, extra: { policies, trusted_proxies: trusted } }, { t });
  const pool = new Pool(proxy.url, { connections: 1 });
  t.after(() => pool.destroy());
  return async (headers: readonly Record<string, string>[]): Promise<number> => {
    let passed = 0;
    for (const one of headers) {
      const { statusCode, body } = await pool.request({ path: '/openai/x', method: 'GET', headers: one });
      await body.dump();
      assert.ok(statusCode === 200 || statusCode === 429, String(statusCode));
      if (statusCode === 200) passed++;
    }
    return passed;
  };
}

const from = (address: string) => ({ 'x-forwarded-for': address });

it('a thousand addresses of one /64 are one client, those of a thousand /64 are a thousand', async (t) => {
  const send = await start(t, 10, ['127.0.0.0/8']);
  const hex = (n: number) => n.toString(16);
  const oneNetwork = Array.from({ length: 1000 }, (_, i) => from(`2001:db8:0:7:${hex(i)}::${hex(i * 7)}`));
  assert.equal(await send(oneNetwork), 10);
  const manyNetworks = Array.from({ length: 1000 }, (_, i) => from(`2001:db8:1:${hex(i)}::1`));
  assert.equal(await send(manyNetworks), 1000);
});

it('one address is one client in all its spellings', async (t) => {
  const send = await start(t, 3, ['127.0.0.0/8']);
  const v4 = ['1.2.3.4', '::ffff:1.2.3.4', '::FFFF:102:304', '[::ffff:1.2.3.4]:443', '1.2.3.4:5678', ' 1.2.3.4 '];
  assert.equal(await send(v4.map(from)), 3);
  const v6 = ['2001:db8::1', '2001:0DB8:0:0::1', '[2001:db8::1]', '[2001:db8::1]:80', '2001:db8:0::0:1'];
  assert.equal(await send(v6.map(from)), 3);
});

it('whoever is no trusted proxy changes nothing with X-Forwarded-For or its like', async (t) => {
  const send = await start(t, 5, ['10.0.0.0/8']);
  const names = ['x-forwarded-for', 'forwarded', 'x-real-ip', 'x-client-ip', 'cf-connecting-ip', 'true-client-ip'];
  const spoofed = Array.from({ length: 60 }, (_, i) => {
    const name = names[i % names.length] ?? '';
    return { [name]: name === 'forwarded' ? `for=9.9.9.${i}` : `9.9.9.${i}` };
  });
  assert.equal(await send(spoofed), 5);
});
