/** Wires a configuration to a running sidecar. Everything belongs to one app: two of them live side by side in one process. */
import { randomBytes } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import { hostname } from 'node:os';
import packageJson from '../package.json' with { type: 'json' };
import { type Admin, createAdmin } from './admin/admin.ts';
import type { IssuerKeys } from './auth/issuer-keys.ts';
import { effectiveConfig } from './config/effective.ts';
import { FilesRead } from './config/files-read.ts';
import { parseListen, parseListeners } from './config/listen.ts';
import type { Loaded } from './config/load.ts';
import type { ConfigProblem } from './config/problems.ts';
import type { Config } from './config/schema.ts';
import {
  type AppOptions,
  build,
  createLimits,
  load,
  tellFailedReload,
  tellReload,
  tracingOf,
  warnOfUnused,
} from './configured.ts';
import type { Core } from './http/context.ts';
import { HeldBytes } from './http/held-bytes.ts';
import type { Observer } from './http/observer.ts';
import { ProxyServer } from './http/server.ts';
import { Idle } from './idle.ts';
import type { ManagedLimits } from './limits/create.ts';
import { type Pipeline, warningsOf } from './pipeline/build.ts';
import { standingsOf } from './pipeline/entry.ts';
import { LivePipeline } from './pipeline/live.ts';
import { Reloads } from './reloads.ts';
import { IndexedList } from './resources/indexed-list.ts';
import { KeptThings } from './resources/kept.ts';
import { MemoryPressure } from './resources/memory-pressure.ts';
import { watchCommands } from './resources/redis-commands.ts';
import { Secrets } from './resources/secrets.ts';
import { Shared } from './resources/shared.ts';
import { createLog, type RootLog } from './telemetry/log.ts';
import { createMetrics, type Metrics } from './telemetry/metrics.ts';
import { createObserver } from './telemetry/observe.ts';
import { createTracing, type Tracing } from './telemetry/tracing.ts';
import { Forwarder } from './upstream/forward.ts';
import type { Upstream } from './upstream/upstream.ts';

export { type AppOptions, ConfigProblems, checkConfig } from './configured.ts';

/** Version of Sluice. */
export const version: string = packageJson.version;

/** A running sidecar. */
export interface App {
  /** Binds the data port and the admin port; on a failure neither is left open. */
  listen(): Promise<void>;
  readonly proxyAddresses: readonly AddressInfo[];
  readonly adminAddresses: readonly AddressInfo[];
  /** Loads the configuration again; on any problem the running pipeline stays. */
  reload(): Promise<{ readonly ok: boolean; readonly problems: readonly ConfigProblem[] }>;
  /** What was loaded, for the summary at start. */
  readonly config: Config;
  readonly warnings: readonly ConfigProblem[];
  readonly log: RootLog;
  readonly limits: ManagedLimits;
  readonly tracing: Tracing | undefined;
  /**
   * Stops: not ready any more, but serving on until nothing runs or `drainMs` (default `server.drain`) has passed; then
   * what is left is ended as law 2 says. Calling it again while it drains ends the drain at once.
   */
  close(options?: { readonly drainMs?: number }): Promise<void>;
}

/** Makes an app. Throws {@link ConfigProblems} when its configuration is bad. */
export async function createApp(options: AppOptions): Promise<App> {
  const read = options.watch === true && options.yaml === undefined ? new FilesRead() : undefined;
  const app = new SluiceApp(options, await load(options, read), read);
  await app.prepare();
  return app;
}

class SluiceApp implements App {
  readonly #options: AppOptions;
  readonly log: RootLog;
  readonly #metrics: Metrics = createMetrics();
  readonly #shared = { upstreams: new Shared<Upstream>(), issuers: new Shared<IssuerKeys>() };
  readonly #secrets: Secrets;
  readonly #kept = new KeptThings();
  readonly #active: Core['active'] = new IndexedList();
  readonly #idle = new Idle(this.#active);
  readonly #startedAt = Date.now();
  readonly #held: HeldBytes;
  readonly #pressure: MemoryPressure;
  #loaded: Loaded;
  #live: LivePipeline | undefined;
  #observer: Observer | undefined;
  #server: ProxyServer | undefined;
  #admin: Admin | undefined;
  #limits: ManagedLimits | undefined;
  tracing: Tracing | undefined;
  proxyAddresses: readonly AddressInfo[] = [];
  adminAddresses: readonly AddressInfo[] = [];
  #state: 'starting' | 'listening' | 'draining' | 'closed' = 'starting';
  #unwatch: (() => void) | undefined;
  #closing: Promise<void> | undefined;
  readonly #reloads: Reloads<Awaited<ReturnType<App['reload']>>>;

  constructor(options: AppOptions, loaded: Loaded, read: FilesRead | undefined) {
    this.#options = options;
    this.#loaded = loaded;
    this.#secrets = new Secrets(options.env ?? process.env);
    this.log = createLog({ level: loaded.config.telemetry.logs.level, ...options.log });
    this.#reloads = new Reloads(() => this.#reload(), this.log, read);
    this.#held = new HeldBytes(loaded.config.server.held_bytes);
    const { memory } = loaded.config.server.shed;
    this.#pressure = new MemoryPressure(memory, this.log, undefined, (room) => this.#held.fit(room));
  }

  get config(): Config {
    return this.#loaded.config;
  }

  get warnings(): readonly ConfigProblem[] {
    return warningsOf(this.#loaded, this.#live?.current);
  }

  get limits(): ManagedLimits {
    if (this.#limits === undefined) throw new Error('the app has not been prepared');
    return this.#limits;
  }

  /** Makes everything that does not listen. On a failure what was made is closed again. */
  async prepare(): Promise<void> {
    const { config } = this.#loaded;
    try {
      this.#limits = await createLimits(this.#loaded, this.#secrets, {
        log: this.log,
        onCommand: (seconds) => this.#metrics.redisCommand.observe(seconds),
        onWait: (id, seconds) => this.#metrics.slotWait(id, seconds),
      });
      this.tracing = await createTracing({ ...tracingOf(config), version }, this.log);
      warnOfUnused(config, this.#options.env ?? process.env, this.log);
      // Without traces or without Redis nobody listens to its commands.
      if (this.tracing !== undefined && this.#limits.kind === 'redis') this.#unwatch = watchCommands();
      this.#live = new LivePipeline(await this.#build(this.#loaded, 1), this.log);
    } catch (error) {
      await this.#closeAll();
      throw error;
    }
    this.#observer = createObserver({ log: this.log, metrics: this.#metrics, tracing: this.tracing });
    const core: Core = {
      live: this.#live,
      observer: this.#observer,
      log: this.log,
      via: `sluice-${randomBytes(4).toString('hex')}`,
      active: this.#active,
      held: this.#held,
      pressure: this.#pressure,
    };
    this.#server = new ProxyServer(core, new Forwarder(), config.server);
    this.#admin = createAdmin({
      addresses: parseListen(config.admin),
      log: this.log,
      metrics: { contentType: this.#metrics.contentType, render: () => this.#renderMetrics() },
      state: {
        version,
        startedAt: this.#startedAt,
        ready: () => this.#readiness(),
        started: () => this.#state !== 'starting',
        generation: () => this.#live?.current.generation ?? 0,
        checks: () => this.#checks(),
        limits: () => ({ policies: this.#live?.current.counting ?? [], store: this.limits.state() }),
        effectiveConfig: () =>
          effectiveConfig(this.config, { references: this.#loaded.references, policies: this.#options.policies }),
      },
    });
    this.#metrics.configGeneration(1);
    this.#metrics.genAi.nameModels(config.telemetry.metrics.models);
  }

  async listen(): Promise<void> {
    const listen = parseListeners(this.config.listen);
    this.adminAddresses = (await this.#admin?.listen()) ?? [];
    this.proxyAddresses = (await this.#server?.listen(listen)) ?? [];
    this.#state = 'listening';
    this.#reloads.watch();
  }

  reload(): ReturnType<App['reload']> {
    return this.#reloads.now();
  }

  close(options: { readonly drainMs?: number } = {}): Promise<void> {
    this.#idle.hurry();
    this.#reloads.close();
    this.#closing ??= this.#close(options.drainMs ?? this.config.server.drain);
    return this.#closing;
  }

  async #reload(): ReturnType<App['reload']> {
    try {
      if (this.#state === 'draining' || this.#state === 'closed') throw new Error('Sluice is shutting down');
      const loaded = await load(this.#options, this.#reloads.read);
      const generation = (this.#live?.current.generation ?? 0) + 1;
      const pipeline = await this.#build(loaded, generation);
      const before = this.#loaded.config;
      this.#loaded = loaded;
      this.#held.max = loaded.config.server.held_bytes;
      this.#pressure.threshold = loaded.config.server.shed.memory;
      this.#live?.swap(pipeline);
      this.#metrics.genAi.nameModels(loaded.config.telemetry.metrics.models);
      this.#metrics.configGeneration(generation);
      this.#metrics.configReload('success');
      tellReload(before, pipeline, this.warnings, this.log);
      return { ok: true, problems: this.warnings };
    } catch (error) {
      this.#metrics.configReload('failure');
      return { ok: false, problems: tellFailedReload(error, this.#live?.current.generation, this.log) };
    }
  }

  #build(loaded: Loaded, generation: number): Promise<Pipeline> {
    const { policies, env = process.env } = this.#options;
    return build(loaded, generation, {
      policies,
      env,
      ...this.#shared,
      limits: this.limits,
      slots: this.limits.slots,
      secrets: this.#secrets,
      kept: this.#kept,
      podName: env.POD_NAME || hostname(),
      log: this.log,
      entryMetrics: (id, mode) => this.#metrics.policy(id, mode),
      read: this.#reloads.read,
    });
  }

  async #close(drainMs: number): Promise<void> {
    this.#state = 'draining';
    await this.#drain(drainMs);
    this.#state = 'closed';
    await this.#closeAll();
  }

  /** Serves on until nothing runs, the deadline, or a second call of close. */
  async #drain(drainMs: number): Promise<void> {
    if (drainMs <= 0 || this.#active.size === 0) return;
    this.log.info({ running: this.#active.size, drain_ms: drainMs }, 'draining');
    await this.#idle.within(drainMs);
  }

  async #closeAll(): Promise<void> {
    const left = this.#active.size;
    if (left > 0) this.log.warn({ exchanges: left }, 'the drain is over; what still runs is ended');
    for (const exchange of this.#active.all()) exchange.shutDown();
    // Error events and refusals get a moment to leave.
    await this.#idle.within(500);
    await this.#server?.close();
    await this.#live?.close();
    await this.#admin?.close();
    await this.#limits?.close();
    this.#unwatch?.();
    await this.#observer?.settled();
    await this.tracing?.close();
    this.#pressure.close();
    this.#metrics.close();
    await this.log.close();
  }

  #readiness(): { ok: boolean; reasons: readonly string[] } {
    if (this.#state === 'listening') return { ok: true, reasons: [] };
    return { ok: false, reasons: [this.#state === 'starting' ? 'not listening yet' : 'draining'] };
  }

  #checks(): Record<string, { state: string; detail?: string }> {
    const exporting = this.tracing?.exportState();
    return {
      config: { state: 'ok', detail: `generation ${this.#live?.current.generation ?? 0}` },
      listener: { state: this.#state === 'listening' ? 'ok' : this.#state },
      redis: { state: this.limits.state() },
      memory: { state: this.#pressure.high ? 'degraded' : 'ok' },
      tracing: { state: exporting === 'failing' ? 'degraded' : (exporting ?? 'off') },
    };
  }

  #renderMetrics(): Promise<string> {
    this.#metrics.redisState(this.limits.state());
    this.#metrics.slots(this.limits.slots.usage());
    this.#metrics.heldBodies(this.#held.total);
    this.#metrics.memoryRatio(this.#pressure.ratio);
    const pools = this.#shared.upstreams.values();
    this.#metrics.upstreamConnections(pools.map(({ info, pool }) => ({ upstream: info.name, states: pool.states })));
    this.#metrics.keys(standingsOf(this.#live?.current.entries ?? []));
    return this.#metrics.render();
  }
}
