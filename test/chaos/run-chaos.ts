/** Many exchanges at once against one Sluice, all judged, and then a look at what is left behind. */
import type { Scope } from '../support/close-after.ts';
import { readMetrics } from '../support/prometheus-text.ts';
import { request } from '../support/request.ts';
import { Board } from './exchange.ts';
import { LagWatch } from './lag.ts';
import { LeakChecks } from './leak-checks.ts';
import { heapAfterGc, openResources } from './leaks.ts';
import { Probes } from './probes.ts';
import type { Report } from './report.ts';
import { Run, type RunOptions } from './run.ts';
import { startSluice } from './start-sluice.ts';
import { startChaosUpstream } from './upstream.ts';

/** What to run. */
export interface ChaosOptions extends RunOptions {
  readonly t: Scope;
  readonly exchanges: number;
  /** Plays this one alone. */
  readonly only?: number | undefined;
}

/** What came of it. */
export interface ChaosResult {
  readonly report: Report;
  /** One line or more for each violation, the script and how to replay it with it. */
  readonly violations: readonly string[];
}

/** See the module. */
export async function runChaos(options: ChaosOptions): Promise<ChaosResult> {
  const atStart = openResources();
  const board = new Board();
  const onWarning = (warning: Error) => board.complain(undefined, `a warning of Node: ${warning.message}`);
  process.on('warning', onWarning);
  const probes = new Probes(board);
  const [openai, anthropic, none, hangup, sleepy] = await Promise.all([
    startChaosUpstream(board),
    startChaosUpstream(board),
    startChaosUpstream(board),
    startChaosUpstream(board, { hangUp: true }),
    startChaosUpstream(board, { acceptDelayMs: 60 }),
  ]);
  const talking = [openai, anthropic, none, sleepy];
  const urls = {
    openai: openai.url,
    anthropic: anthropic.url,
    none: none.url,
    drained: none.url,
    hangup: hangup.url,
    sleepy: sleepy.url,
  };
  // Nothing listens on the port of tcpmux.
  const proxy = await startSluice({ ...urls, refused: 'http://127.0.0.1:1' }, probes, options.t);
  const lag = new LagWatch();
  const run = new Run(options, board, proxy, lag);

  const warmUp = Math.ceil(options.exchanges / 10);
  await run.play(0, options.only === undefined ? warmUp : 0);
  const idleHeap = await heapAfterGc();
  const idle = openResources();
  await run.play(options.only ?? warmUp, options.only === undefined ? options.exchanges : options.only + 1);

  const leaks = new LeakChecks(board);
  await leaks.none('exchanges or connections', async () => inUse(await metricsOf(proxy.adminUrl)));
  leaks.check(probes.ended, 'exchanges in the metrics', countOf(await metricsOf(proxy.adminUrl)));
  await leaks.none('requests in pools', () => [...probes.pools].reduce((sum, pool) => sum + pool.inFlight, 0));
  await proxy.app.reload();
  await leaks.none('pipelines not closed', () => probes.setUp - probes.closed - 3);
  for (const upstream of talking) upstream.endIdle();
  await leaks.none('upstream connections', () => talking.reduce((sum, { open }) => sum + open, 0));
  board.violations.push(...talking.flatMap((upstream) => upstream.whatIsOpen()));
  const heap = (await heapAfterGc()) - idleHeap;
  if (heap > 24 * 2 ** 20) board.complain(undefined, `the heap has grown by ${(heap / 2 ** 20).toFixed(1)} MB`);
  await leaks.noMore('while idle', idle);

  run.close();
  await proxy.close();
  leaks.check(probes.closed, 'policy instances closed', probes.setUp);
  await Promise.all([...talking, hangup].map((upstream) => upstream.close()));
  lag.stop();
  await leaks.noMore('after the end', atStart);
  process.off('warning', onWarning);
  for (const line of proxy.logs.filter(unexpected)) board.complain(undefined, `logged: ${JSON.stringify(line)}`);
  console.log(`worst timer lag ${lag.worst.toFixed(0)} ms, heap ${(heap / 2 ** 20).toFixed(1)} MB above idle`);
  return { report: run.report, violations: [...run.violations, ...board.violations] };
}

/** Over a connection that does not stay: it would be counted. */
async function metricsOf(adminUrl: string): Promise<string> {
  return (await request(`${adminUrl}/metrics`)).text;
}

function inUse(text: string): number {
  const metrics = readMetrics(text);
  return (metrics.get('sluice_active_requests') ?? 1) + (metrics.get('sluice_connections') ?? 1);
}

function countOf(text: string): number {
  let sum = 0;
  for (const [series, value] of readMetrics(text))
    if (series.startsWith('sluice_requests_total') && !series.includes('route="none"')) sum += value;
  return sum;
}

/** The faults that the test's own policy has are logged, and rightly. */
function unexpected(line: Readonly<Record<string, unknown>>): boolean {
  return !JSON.stringify(line).includes('a fault of the test');
}
