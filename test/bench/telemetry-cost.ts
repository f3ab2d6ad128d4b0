/**
 * `npm run bench:telemetry`: what traces and usage reading cost Sluice, in CPU time of its process for each request. The
 * variants take turns, so that whatever else the machine does meets them all; the upstream, the client and the collector
 * are processes of their own. Each variant runs in several processes: two of the very same differ too, by what the
 * compiler made of them, and how far they do (the spread) is what variants may differ by chance.
 */
import { once } from 'node:events';
import { startCollector } from '../support/otlp-collector.ts';
import { proxyYaml } from '../support/proxy-yaml.ts';
import { EVENTS, type Task } from './load.ts';
import { type MeasuredSluice, Processes } from './processes.ts';

const ROUNDS = 12;
/** Processes of each variant. */
const PROCESSES = 3;
/** So many times the requests of a round come first, unmeasured: until then the compiler is at work. */
const WARM_UP = 8;
const FEWEST_ROUNDS = 5;
/** No further round begins after so many milliseconds. */
const DEADLINE_MS = 140_000;
const SHAPES = [
  { name: 'JSON', stream: false, requests: 400 },
  { name: `SSE, ${EVENTS} events`, stream: true, requests: 150 },
] as const;

const processes = new Processes();
const collector = await startCollector();
try {
  await bench();
} finally {
  await processes.close();
  await collector.close();
}

async function bench(): Promise<void> {
  const started = performance.now();
  const upstream = processes.fork('upstream.ts');
  const [port] = (await once(upstream, 'message')) as [number];
  const client = processes.fork('load.ts');
  const ask = async (task: Task) => {
    client.send(task);
    const [said] = (await once(client, 'message')) as [string];
    if (said !== 'done') throw new Error(said);
  };

  const traced = (sample: number) => ({ traces: { endpoint: collector.url, sample } });
  const variants: Record<string, object> = {
    'tracing off': {},
    'tracing 0 %': traced(0),
    'tracing 1 %': traced(0.01),
    'tracing 100 %': traced(1),
    'tracing off, usage off': { usage: 'off' },
  };
  const sluices: [string, MeasuredSluice][] = [];
  for (const [name, telemetry] of Array.from({ length: PROCESSES }, () => Object.entries(variants)).flat()) {
    const yaml = proxyYaml({ upstream: `http://127.0.0.1:${port}`, extra: { telemetry } });
    sluices.push([name, await processes.sluice(`${sluices.length}`, yaml)]);
  }
  for (const [, { url }] of sluices) {
    for (const { stream, requests } of SHAPES) await ask({ url, stream, requests: requests * WARM_UP });
  }

  const measured = new Map<string, number[]>();
  let rounds = 0;
  while (rounds < ROUNDS && (rounds < FEWEST_ROUNDS || performance.now() - started < DEADLINE_MS)) {
    for (const shape of SHAPES) {
      for (let i = 0; i < sluices.length; i++) {
        const [name, sluice] = sluices[(i + rounds) % sluices.length] as [string, MeasuredSluice]; // within the list
        const before = sluice.cpuMs();
        await ask({ url: sluice.url, stream: shape.stream, requests: shape.requests });
        const micros = ((sluice.cpuMs() - before) * 1000) / shape.requests;
        const key = `${shape.name} ${name} ${Math.floor(((i + rounds) % sluices.length) / Object.keys(variants).length)}`;
        measured.set(key, [...(measured.get(key) ?? []), micros]);
      }
    }
    rounds++;
  }

  const middle = (values: readonly number[]) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
  /** Medians of each process of a variant. */
  const each = (key: string) => Array.from({ length: PROCESSES }, (_, i) => middle(measured.get(`${key} ${i}`) ?? []));
  const median = (key: string) => middle(each(key));
  console.log(
    `CPU of Sluice for each request: medians of ${PROCESSES} processes' medians of ${rounds} interleaved runs, and their spread\n`,
  );
  console.log(['', ...SHAPES.flatMap(({ name }) => [name, '× off'])].map(cell).join(''));
  for (const name of Object.keys(variants)) {
    const cells = SHAPES.flatMap((shape) => {
      const all = each(`${shape.name} ${name}`);
      const spread = `${Math.min(...all).toFixed(0)}–${Math.max(...all).toFixed(0)}`;
      const ratio = (median(`${shape.name} ${name}`) / median(`${shape.name} tracing off`)).toFixed(2);
      return [`${median(`${shape.name} ${name}`).toFixed(0)} (${spread}) µs`, ratio];
    });
    console.log([name, ...cells].map(cell).join(''));
  }
  const [, { name: sse }] = SHAPES;
  const event = (median(`${sse} tracing off`) - median(`${sse} tracing off, usage off`)) / EVENTS;
  console.log(
    `\nReading usage: ${event.toFixed(1)} µs an event; ${((performance.now() - started) / 1000).toFixed(0)} s in all`,
  );
}

function cell(text: string, column: number): string {
  return column === 0 ? text.padEnd(26) : text.padStart(column % 2 === 1 ? 22 : 8);
}
