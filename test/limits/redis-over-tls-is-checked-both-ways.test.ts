import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createLimitStore } from '../../src/limits/create.ts';
import type { RedisSettings } from '../../src/resources/redis.ts';
import { startTlsRedis, type TlsRedis } from '../support/redis-tls.ts';
import { selfSignedCertificate } from '../support/self-signed-certificate.ts';
import { claimOf, freshWindow, takeOne } from './stores.ts';
import { Log } from './take-load.ts';

describe('a Redis that speaks TLS', { timeout: 60_000 }, () => {
  const cases: [name: string, settings: (redis: TlsRedis) => RedisSettings, state: string, says: RegExp][] = [
    ['with its CA and a certificate', ({ url, tls }) => ({ url, tls }), 'ok', /shared/],
    [
      'with another CA',
      ({ url, tls }) => ({ url, tls: { ...tls, ca: Buffer.from(selfSignedCertificate().cert) } }),
      'degraded',
      /certificate/,
    ],
    [
      'without a certificate',
      ({ url, tls }) => ({ url, tls: { ca: tls.ca } }),
      'degraded',
      /certificate|ECONNRESET|closed|alert/,
    ],
    ['without TLS', ({ port }) => ({ url: `redis://127.0.0.1:${port}` }), 'degraded', /closed|ECONNRESET|lost/],
  ];
  for (const [name, settings, state, says] of cases) {
    it(`${name}: ${state}, and no hang`, async (t) => {
      const redis = await startTlsRedis(t);
      const log = new Log();
      const started = performance.now();
      const store = await createLimitStore({ redis: settings(redis), log });
      t.after(() => store.close());
      assert.ok(performance.now() - started < 2000);
      assert.equal(store.state(), state, log.lines.join('\n'));
      assert.equal(log.lines.length, 1, log.lines.join('\n'));
      assert.match(log.lines[0] ?? '', says);
      t.diagnostic(log.lines[0] ?? '');
      assert.equal((await takeOne(store, claimOf(freshWindow(5)))).remaining, 4);
    });
  }
});
