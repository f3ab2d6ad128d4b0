/** Builds a pipeline from a validated configuration: upstreams, routes, and every policy set up. All or nothing. */
import { createCallers } from '../auth/callers.ts';
import type { IssuerKeys } from '../auth/issuer-keys.ts';
import { isLoopback, parseListeners } from '../config/listen.ts';
import type { Loaded } from '../config/load.ts';
import { type ConfigProblem, problemAt } from '../config/problems.ts';
import type { Config, PolicyEntry } from '../config/schema.ts';
import { problem } from '../errors.ts';
import { type AddressMatcher, compileCidrs } from '../http/client-address.ts';
import { shadowStore } from '../limits/shadow.ts';
import { shadowSlots } from '../limits/shadow-slots.ts';
import type { Slots } from '../limits/slots.ts';
import type { ManagedLimitStore } from '../limits/store.ts';
import { ConfigError, type Env, type Policy, type PolicyInstance, type PolicyLogger } from '../policy.ts';
import type { KeptThings } from '../resources/kept.ts';
import type { Secrets } from '../resources/secrets.ts';
import type { Shared } from '../resources/shared.ts';
import { tlsPrint } from '../resources/tls-files.ts';
import { Upstream } from '../upstream/upstream.ts';
import { type Entry, type EntryMetrics, type Step, stepsOf } from './entry.ts';
import { Holdings } from './holdings.ts';
import { compileRollout } from './rollout.ts';
import { createRoute, type Route, RouteTable } from './routes.ts';
import { compileWhen } from './when.ts';

/** What pipelines are built with; it outlives them. */
export interface BuildDeps {
  readonly policies: ReadonlyMap<string, Policy>;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly upstreams: Shared<Upstream>;
  readonly limits: ManagedLimitStore;
  readonly slots: Slots;
  /** The keys of token issuers, which stay known over reloads. */
  readonly issuers: Shared<IssuerKeys>;
  /** True for a check: nothing is fetched and nothing watched. */
  readonly offline?: boolean;
  readonly secrets: Secrets;
  readonly kept: KeptThings;
  readonly podName: string;
  readonly log: PolicyLogger;
  entryMetrics(id: string, mode: 'enforce' | 'shadow'): EntryMetrics;
}

/** What is wrong, and the JSON pointer of its place in the configuration. */
export interface Fault {
  readonly pointer: string;
  readonly message: string;
}

/** Faults found while building, each with the JSON pointer of its place in the configuration. */
export class BuildError extends Error {
  readonly faults: readonly Fault[];
  constructor(faults: readonly Fault[]) {
    super(faults.map((fault) => `${fault.pointer}: ${fault.message}`).join('\n'));
    this.name = 'BuildError';
    this.faults = faults;
  }
}

/** A configuration at work. */
export interface Pipeline {
  /** Counts loads of the configuration, from 1. */
  readonly generation: number;
  readonly config: Config;
  readonly routes: RouteTable;
  readonly routeList: readonly Route[];
  readonly trusted: AddressMatcher;
  /** The request phase. */
  readonly steps: readonly Step[];
  /** Entries that act on attempts. */
  readonly attempts: readonly Entry[];
  /** Every entry in order, for the summary at start. */
  readonly entries: readonly Entry[];
  /** Entries that enforce and count, for `/limits`. */
  readonly counting: readonly Entry[];
  /** What policies said is probably a mistake. */
  readonly warnings: readonly Fault[];
  close(): Promise<void>;
}

/** Builds a pipeline. On any fault what was made is closed again and a {@link BuildError} with all faults is thrown. */
export async function buildPipeline(config: Config, generation: number, deps: BuildDeps): Promise<Pipeline> {
  const faults: Fault[] = [];
  const warnings: Fault[] = [];
  const keys: string[] = [];
  const upstreams = new Map<string, Upstream>();
  const entries: Entry[] = [];
  const holdings = new Holdings(deps.secrets, deps.kept);
  const close = async () => {
    const closing = entries.map(async (entry) => entry.instance.close?.());
    await Promise.allSettled([...closing, ...keys.map((key) => deps.upstreams.release(key))]);
    await holdings.release();
  };

  for (const [name, upstream] of Object.entries(config.upstreams)) {
    try {
      // A certificate that has been replaced makes another upstream: connections keep what they were opened with.
      const key = JSON.stringify([name, upstream, tlsPrint(upstream.tls)]);
      upstreams.set(
        name,
        deps.upstreams.acquire(key, () => new Upstream(name, upstream, deps.env)),
      );
      keys.push(key);
    } catch (error) {
      faults.push({ pointer: `/upstreams/${name}`, message: reasonOf(error) });
    }
  }
  const infos = [...upstreams.values()].map((upstream) => upstream.info);
  // An address tells clients apart only if something other than this machine, or a proxy that is believed, can call.
  const loopbackOnly = config.trusted_proxies.length === 0 && parseListeners(config.listen).every(isLoopback);
  for (const [i, entry] of config.policies.entries()) {
    if (!entry.enabled) continue;
    try {
      const warn = (message: string, below = '') =>
        void warnings.push({ pointer: `/policies/${i}/with${below}`, message });
      entries.push(await setUp(entry, { upstreams: infos, loopbackOnly }, deps, holdings, warn));
    } catch (error) {
      const below = error instanceof ConfigError ? `/with${error.pointer}` : '';
      faults.push({ pointer: `/policies/${i}${below}`, message: reasonOf(error) });
    }
  }
  const routeList: Route[] = [];
  for (const route of config.routes) {
    const upstream = upstreams.get(route.upstream);
    if (upstream !== undefined) routeList.push(createRoute(route, upstream));
  }
  if (faults.length > 0) {
    await close();
    throw new BuildError(faults);
  }
  return {
    generation,
    config,
    routes: new RouteTable(routeList),
    routeList,
    trusted: compileCidrs(config.trusted_proxies),
    steps: stepsOf(entries),
    attempts: entries.filter((entry) => entry.instance.attempt !== undefined),
    entries,
    counting: entries.filter(({ enforced, instance }) => enforced && instance.inspect !== undefined),
    warnings,
    close,
  };
}

/** What is probably a mistake: in the files, and as policies said while the pipeline was built. */
export function warningsOf(loaded: Loaded, pipeline: Pipeline | undefined): readonly ConfigProblem[] {
  const said = (pipeline?.warnings ?? []).map(({ pointer, message }) =>
    problemAt(loaded.locate(pointer), pointer, message, 'warning'),
  );
  return [...loaded.warnings, ...said];
}

async function setUp(
  config: PolicyEntry,
  { upstreams, loopbackOnly }: Pick<Env<unknown>, 'upstreams' | 'loopbackOnly'>,
  deps: BuildDeps,
  holdings: Holdings,
  warn: Env<unknown>['warn'],
): Promise<Entry> {
  const policy = deps.policies.get(config.policy);
  if (policy === undefined) throw new ConfigError(`there is no policy "${config.policy}"`);
  const seen = config.when?.upstream;
  const limits = config.mode === 'shadow' ? shadowStore(deps.limits) : deps.limits;
  const env: Env<unknown> = {
    id: config.id,
    config: config.with,
    mode: config.mode,
    upstreams: upstreams.filter(({ name }) => seen === undefined || [seen].flat().includes(name)),
    limits,
    slots: config.mode === 'shadow' ? shadowSlots(deps.slots) : deps.slots,
    limiter: (options) => deps.limits.limiter(config.mode === 'shadow' ? `shadow/${config.id}` : config.id, options),
    podName: deps.podName,
    loopbackOnly,
    problem,
    secret: (ref) => holdings.secret(ref),
    keep: (name, make) => holdings.keep(config, name, make),
    callers: (options) => createCallers(options, { ...deps, id: config.id, warn }),
    warn,
    log: deps.log,
  };
  const instance: PolicyInstance = await policy.setup(env);
  return {
    id: config.id,
    enforced: config.mode === 'enforce',
    faultsPass: config.on_error === 'allow',
    when: compileWhen(config.when),
    rollout: compileRollout(config.rollout, config.id),
    instance,
    metrics: deps.entryMetrics(config.id, config.mode),
    limits,
  };
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
