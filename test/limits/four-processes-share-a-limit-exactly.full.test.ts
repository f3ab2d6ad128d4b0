import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { it, type TestContext } from 'node:test';
import { startRedis } from '../support/redis.ts';
import { spawnSluice, yamlFile } from '../support/spawn-sluice.ts';
import { proxyYaml } from '../support/start-proxy.ts';

/** An upstream that counts what reaches it. */
async function startCounter(t: TestContext) {
  const seen = { requests: 0 };
  const server = http.createServer((request, response) => {
    seen.requests++;
    request.resume();
    response.end('ok');
  });
  // All of them connect at once.
  server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 });
  await once(server, 'listening');
  t.after(() => server.close());
  t.after(() => server.closeAllConnections());
  return { seen, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

/** One request on a connection of its own; its status. */
function get(url: string, agent: http.Agent): Promise<number> {
  return new Promise((resolve, reject) => {
    http
      .get(`${url}/openai/v1/models`, { agent }, (response) => {
        response.resume();
        response.once('end', () => resolve(response.statusCode ?? 0));
        response.once('error', reject);
      })
      .once('error', reject);
  });
}

for (const [requests, limit] of [
  [10_000, 1000],
  [300, 100],
] as const) {
  it(`four processes, one Redis, ${requests} requests at once, a limit of ${limit}: exactly ${limit} pass`, async (t) => {
    const redis = await startRedis(t);
    const upstream = await startCounter(t);
    const policies = [{ policy: 'request-rate', with: { limit, per: '10m', key: 'global' } }];
    const yaml = proxyYaml({
      upstream: upstream.url,
      extra: { redis: { url: redis.url }, policies },
      upstreamOptions: { timeouts: { connect: 0, first_byte: 0 } },
    });
    const config = await yamlFile(yaml, { t });
    const processes = [1, 2, 3, 4].map(() => spawnSluice(['--config', config], {}, { t }));
    const urls = await Promise.all(processes.map(async ({ ready }) => (await ready).url));
    const agent = new http.Agent({ maxSockets: Number.POSITIVE_INFINITY });
    const started = performance.now();
    const statuses = await Promise.all(Array.from({ length: requests }, (_, i) => get(urls[i % 4] ?? '', agent)));
    const took = performance.now() - started;
    const passed = statuses.filter((status) => status === 200).length;
    const refused = statuses.filter((status) => status === 429).length;
    t.diagnostic(
      `${passed} passed, ${refused} refused in ${Math.round(took)} ms; upstream saw ${upstream.seen.requests}`,
    );
    const failovers = processes.flatMap(({ logs }) =>
      logs.filter(({ msg }) => /Redis does not work/.test(String(msg))),
    );
    assert.deepEqual(failovers, [], 'Redis was not given up');
    const others = statuses.filter((status) => status !== 200 && status !== 429);
    assert.deepEqual(others, [], 'nothing but passed and refused');
    assert.deepEqual([passed, refused, upstream.seen.requests], [limit, requests - limit, limit]);
  });
}
