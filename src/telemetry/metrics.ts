/** Sluice's own metrics. One set for each app; recorders are bound at set-up so that an exchange looks nothing up. */
import { Registry } from 'prom-client';
import type { SlotUsage } from '../limits/slots.ts';
import type { KeyStanding } from '../policy.ts';
import { ConcurrencyMetrics } from './concurrency-metrics.ts';
import { GenAiMetrics } from './gen-ai-metrics.ts';
import { keySeries } from './key-series.ts';
import type { AbortPhase, PolicyDecision } from './labels.ts';
import { startProcessMetrics } from './process-metrics.ts';
import {
  type BodyDistributions,
  type RouteMetrics,
  RouteRecorder,
  type UpstreamMetrics,
  UpstreamRecorder,
} from './recorders.ts';
import { type Cell, counter, type Distribution, gauge, histogram, type Labels, snapshot } from './series.ts';

export type { RouteMetrics, UpstreamMetrics } from './recorders.ts';

/** Seconds; language models answer within milliseconds or after minutes. */
const DURATIONS = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600];
const FIRST_BYTES = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];
const OVERHEADS = [0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1];
const POLICY_DURATIONS = [0.000005, 0.00001, 0.00005, 0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1];
const REDIS_DURATIONS = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1];
const BODY_BYTES = [256, 1024, 4096, 16_384, 65_536, 262_144, 1_048_576, 4_194_304, 16_777_216, 67_108_864];

/** Recorder of one entry of `policies`. */
export interface PolicyMetrics {
  decision(decision: PolicyDecision): void;
  /** Time within the policy's request hook, in seconds. */
  duration(seconds: number): void;
}

/** `sluice_redis_state`. */
export const REDIS_STATES = { off: 0, ok: 1, degraded: 2 } as const;

/** Connections of one upstream, see `ConnectionPool.states`. */
export interface UpstreamConnections {
  readonly upstream: string;
  readonly states: { readonly active: number; readonly idle: number; readonly queued: number };
}

/** The metrics of one app. */
export interface Metrics {
  /** The recorder of a route's path, or of NO_ROUTE; the same one for the same path, also after a reload. */
  route(path: string): RouteMetrics;
  upstream(name: string): UpstreamMetrics;
  policy(id: string, mode: 'enforce' | 'shadow'): PolicyMetrics;
  /** What models were asked and what they used. */
  readonly genAi: GenAiMetrics;
  /** Connections now, to be told before each render; entries of one upstream are added up. */
  upstreamConnections(all: readonly UpstreamConnections[]): void;
  /** What bulkheads hold now and who waits, to be told before each render. */
  slots(usage: readonly SlotUsage[]): void;
  /** A request has waited so many seconds for a slot, whatever became of it. */
  slotWait(id: string, seconds: number): void;
  /** How provider keys stand, to be told before each render; what is not told any more is gone. */
  keys(all: readonly KeyStanding[]): void;
  /** Seconds that Redis took to answer. */
  readonly redisCommand: Distribution;
  /** Exchanges under way: `inc()` and `dec()`. */
  readonly activeRequests: Cell;
  /** Responses that stream to their client: `inc()` and `dec()`. */
  readonly activeStreams: Cell;
  /** Seconds of the time to the first byte that were Sluice's own. */
  readonly overhead: Distribution;
  /** Seconds from the upstream's socket to the client's, of a sample of chunks. */
  readonly chunkDelay: Distribution;
  /** Open client connections: `inc()` and `dec()`. */
  readonly connections: Cell;
  clientAbort(phase: AbortPhase): void;
  /** Response bytes that an upstream sent and a client that left did not get. */
  readonly undelivered: Cell;
  /** Bytes of request bodies in memory. */
  heldBodies(bytes: number): void;
  /** Used share of the memory limit. */
  memoryRatio(ratio: number): void;
  redisState(state: keyof typeof REDIS_STATES): void;
  configGeneration(generation: number): void;
  configReload(result: 'success' | 'failure'): void;
  /** The text format of Prometheus, for {@link contentType}. */
  render(): Promise<string>;
  readonly contentType: string;
  /** Stops what watches the process. */
  close(): void;
}

/** Makes the metrics of one app with a registry of their own; close them at the end. */
export function createMetrics(): Metrics {
  const registry = new Registry();
  const requests = counter(registry, 'sluice_requests_total', 'Exchanges that have ended.');
  const durations = histogram(
    registry,
    'sluice_request_duration_seconds',
    "From the request's headers to the end of the exchange.",
    DURATIONS,
  );
  const shared: BodyDistributions = {
    ttfb: histogram(
      registry,
      'sluice_time_to_first_byte_seconds',
      "From the request's headers to the response's head.",
      FIRST_BYTES,
    )(),
    bytesIn: histogram(registry, 'sluice_request_body_bytes', 'Request body bytes read from the client.', BODY_BYTES)(),
    bytesOut: histogram(
      registry,
      'sluice_response_body_bytes',
      'Response body bytes handed to the client.',
      BODY_BYTES,
    )(),
  };
  const activeRequests = gauge(registry, 'sluice_active_requests', 'Exchanges under way.')();
  const activeStreams = gauge(registry, 'sluice_active_streams', 'Responses that stream to their client.')();
  const overhead = histogram(
    registry,
    'sluice_overhead_seconds',
    "What Sluice itself took of the time to the first byte: before the attempt, and from the upstream's head to the client's.",
    OVERHEADS,
  )();
  const chunkDelay = histogram(
    registry,
    'sluice_chunk_delay_seconds',
    "From the upstream's socket to the client's, of one chunk in 64.",
    OVERHEADS,
  )();
  const connections = gauge(registry, 'sluice_connections', 'Open client connections.')();
  const attempts = counter(
    registry,
    'sluice_upstream_attempts_total',
    'Attempts that have ended: class of the response status, code of the failure, or client_abort.',
  );
  const upstreamDurations = histogram(
    registry,
    'sluice_upstream_duration_seconds',
    'From the start of an attempt to its end.',
    DURATIONS,
  );
  const decisions = counter(registry, 'sluice_policy_decisions_total', 'Decisions of policies.');
  const policyDurations = histogram(
    registry,
    'sluice_policy_duration_seconds',
    "Time within a policy's request hook.",
    POLICY_DURATIONS,
  );
  const aborts = counter(registry, 'sluice_client_aborts_total', 'Clients that left before the end, by phase.');
  const truncations = counter(registry, 'sluice_stream_truncated_total', 'Responses that an upstream did not finish.');
  const upstreamConnections = snapshot(
    registry,
    'sluice_upstream_connections',
    'Pooled connections with a request and without (active, idle), and requests that wait for one (queued).',
  );
  const keys = keySeries(registry);
  const undelivered = counter(
    registry,
    'sluice_undelivered_bytes_total',
    'Response bytes that an upstream sent and a client that left did not get.',
  )();
  const held = gauge(registry, 'sluice_held_body_bytes', 'Bytes of request bodies that are held in memory.')();
  const memory = gauge(registry, 'sluice_memory_limit_ratio', 'Used share of the memory limit (cgroup or heap).')();
  const redisCommand = histogram(
    registry,
    'sluice_redis_command_seconds',
    'From a command to the answer of Redis.',
    REDIS_DURATIONS,
  )();
  const redis = gauge(registry, 'sluice_redis_state', 'Redis: 0 not used, 1 answers, 2 degraded.')();
  const generation = gauge(registry, 'sluice_config_generation', 'Generation of the running configuration.')();
  const reloads = counter(registry, 'sluice_config_reload_total', 'Reloads of the configuration.');
  const concurrency = new ConcurrencyMetrics(registry);
  const genAi = new GenAiMetrics(registry);
  const watch = startProcessMetrics(registry);

  return {
    route: remember((path) => new RouteRecorder(path, requests, durations({ route: path }), shared)),
    upstream: remember((name) => new UpstreamRecorder(name, attempts, upstreamDurations, truncations)),
    policy(id, mode) {
      const seconds = policyDurations({ policy: id });
      const bind = (decision: PolicyDecision) => decisions({ policy: id, decision, mode });
      const cells = { allow: bind('allow'), deny: bind('deny'), reply: bind('reply'), fault: bind('fault') };
      return { decision: (kind) => cells[kind].inc(), duration: (value) => seconds.observe(value) };
    },
    genAi,
    upstreamConnections: (all) => upstreamConnections(connectionSeries(all)),
    slots: (usage) => concurrency.usage(usage),
    slotWait: (id, seconds) => concurrency.waited(id, seconds),
    keys,
    redisCommand,
    activeRequests,
    activeStreams,
    overhead,
    chunkDelay,
    connections,
    clientAbort: (phase) => aborts({ phase }).inc(),
    undelivered,
    heldBodies: (bytes) => held.set(bytes),
    memoryRatio: (ratio) => memory.set(ratio),
    redisState: (state) => redis.set(REDIS_STATES[state]),
    configGeneration: (value) => generation.set(value),
    configReload: (result) => reloads({ result }).inc(),
    render: () => registry.metrics(),
    contentType: registry.contentType,
    close: () => watch.stop(),
  };
}

/** An upstream that a reload has changed has two pools until the old one's last exchange ends. */
function connectionSeries(all: readonly UpstreamConnections[]): [Labels, number][] {
  const sums = new Map<string, UpstreamConnections['states']>();
  for (const { upstream, states } of all) {
    const { active, idle, queued } = sums.get(upstream) ?? { active: 0, idle: 0, queued: 0 };
    const { active: more, idle: unused, queued: waiting } = states;
    sums.set(upstream, { active: active + more, idle: idle + unused, queued: queued + waiting });
  }
  return [...sums].flatMap(([upstream, states]) =>
    Object.entries(states).map(([state, value]): [Labels, number] => [{ upstream, state }, value]),
  );
}

function remember<Made>(make: (name: string) => Made): (name: string) => Made {
  const made = new Map<string, Made>();
  return (name) => {
    let found = made.get(name);
    if (found === undefined) {
      found = make(name);
      made.set(name, found);
    }
    return found;
  };
}
