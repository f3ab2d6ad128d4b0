/**
 * `dist/warm-up.js`: makes the code cache. It starts Sluice as shipped with tracing on, lets it answer once, stops it, and
 * keeps what V8 has compiled until then. Nothing is called that is not on this machine.
 *
 *     node dist/warm-up.js [--outdir dist] [--config proxy.yaml]
 */
import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { get, request } from 'node:http';
import { join, resolve } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { cacheName, loadCode } from './code.ts';

const { values } = parseArgs({
  options: {
    outdir: { type: 'string', default: import.meta.dirname },
    config: { type: 'string', default: 'proxy.yaml' },
    listen: { type: 'string', default: '127.0.0.1:7480' },
    admin: { type: 'string', default: '127.0.0.1:7490' },
  },
});
const outdir = resolve(values.outdir);

const { script, run } = loadCode(import.meta.dirname);
process.on('exit', (code) => {
  if (code === 0) save(script.createCachedData());
});
process.argv = [process.execPath, join(import.meta.dirname, 'sluice.js'), '--config', values.config];
process.env.SLUICE_ADMIN = values.admin;
// Nobody listens there, and nothing is sampled: what exports traces is loaded.
process.env.OTEL_EXPORTER_OTLP_ENDPOINT = 'http://127.0.0.1:9';
run();
await answered();
process.kill(process.pid, 'SIGTERM');

/** Waits until it is ready; then one call takes the way of a request, to an upstream that is probably not there. */
async function answered(): Promise<void> {
  const deadline = Date.now() + 30_000;
  while ((await status(`http://${values.admin}/readyz`)) !== 200) {
    if (Date.now() > deadline) throw new Error(`${values.admin}/readyz has not been 200 within 30 s`);
    await wait(20);
  }
  await status(`http://${values.listen}/ollama/v1/chat/completions`, '{"model":"none","messages":[]}');
}

/** Undefined while nobody listens. */
function status(url: string, body?: string): Promise<number | undefined> {
  return new Promise((done) => {
    const options = { method: 'POST', headers: { 'content-type': 'application/json' } };
    const asked = body === undefined ? get(url) : request(url, options);
    asked.on('response', (response) => {
      response.resume().on('close', () => done(response.statusCode));
    });
    asked.on('error', () => done(undefined));
    asked.end(body);
  });
}

/** Whole or not at all: V8 does not look at every byte of what it takes. */
function save(data: Buffer): void {
  mkdirSync(outdir, { recursive: true });
  const path = join(outdir, cacheName);
  writeFileSync(`${path}.new`, data);
  renameSync(`${path}.new`, path);
  process.stdout.write(`${path}: ${(data.length / 1024 / 1024).toFixed(2)} MiB\n`);
}
