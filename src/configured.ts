/** From files to a pipeline: what start, reload and check have in common. */
import { type Loaded, loadConfig, loadConfigText } from './config/load.ts';
import { type ConfigProblem, formatProblems, problemAt } from './config/problems.ts';
import type { Config } from './config/schema.ts';
import { createLimitStore, type StoreLog } from './limits/create.ts';
import type { ManagedLimitStore } from './limits/store.ts';
import { BuildError, buildPipeline, type Pipeline } from './pipeline/build.ts';
import type { Policy, PolicyLogger } from './policy.ts';
import { parseRedisUrl } from './resources/redis-url.ts';
import { secretOf } from './resources/secrets.ts';
import { Shared } from './resources/shared.ts';
import { readTls } from './resources/tls-files.ts';
import type { LineSink } from './telemetry/log-destination.ts';
import type { TracingOptions } from './telemetry/tracing.ts';
import type { Upstream } from './upstream/upstream.ts';

/** Where an app comes from. */
export interface AppOptions {
  /** Files of the configuration, later ones laid over earlier ones; or `yaml`. */
  readonly files?: readonly string[];
  /** The configuration as text. */
  readonly yaml?: string;
  readonly policies: ReadonlyMap<string, Policy>;
  /** What `${VAR}` and `{ env: VAR }` see; the process's environment by default. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly log?: { readonly destination?: number | LineSink };
}

/** Thrown when a configuration has errors; nothing has been started then. */
export class ConfigProblems extends Error {
  readonly problems: readonly ConfigProblem[];
  constructor(problems: readonly ConfigProblem[]) {
    super(formatProblems(problems));
    this.name = 'ConfigProblems';
    this.problems = problems;
  }
}

/** Loads and validates a configuration without starting anything; policies are set up and closed again. */
export async function checkConfig(options: AppOptions): Promise<Loaded> {
  const loaded = await load(options);
  checkRedis(loaded);
  const upstreams = new Shared<Upstream>();
  const limits = await createLimitStore();
  try {
    const pipeline = await build(loaded, 1, {
      policies: options.policies,
      env: options.env ?? process.env,
      upstreams,
      limits,
      podName: '',
      log: { info: () => {}, warn: () => {}, error: () => {} },
      entryMetrics: () => ({ decision: () => {}, duration: () => {} }),
    });
    await pipeline.close();
  } finally {
    await limits.close();
  }
  return loaded;
}

/** Reads and validates; throws {@link ConfigProblems}. */
export async function load(options: AppOptions): Promise<Loaded> {
  const { policies, env = process.env } = options;
  const result =
    options.yaml === undefined
      ? await loadConfig(options.files ?? ['proxy.yaml'], { policies, env })
      : await loadConfigText(options.yaml, { policies, env });
  if (!result.ok) throw new ConfigProblems(result.problems);
  return result;
}

/** Builds a pipeline; a policy's complaint becomes a located problem. */
export async function build(
  loaded: Loaded,
  generation: number,
  deps: Parameters<typeof buildPipeline>[2],
): Promise<Pipeline> {
  try {
    return await buildPipeline(loaded.config, generation, deps);
  } catch (error) {
    if (!(error instanceof BuildError)) throw error;
    throw new ConfigProblems(
      error.faults.map(({ pointer, message }) => problemAt(loaded.locate(pointer), pointer, message)),
    );
  }
}

/** Reads what the schema cannot judge of `redis`: its URL as a whole and its files. Throws {@link ConfigProblems}. */
function checkRedis({ config, locate }: Pick<Loaded, 'config' | 'locate'>): ReturnType<typeof readTls> {
  const { url, tls } = config.redis;
  const at = (pointer: string, message: string) => new ConfigProblems([problemAt(locate(pointer), pointer, message)]);
  let speaksTls = true;
  try {
    if (url !== '') speaksTls = parseRedisUrl(url).tls;
  } catch (error) {
    throw at('/redis/url', error instanceof Error ? error.message : 'not a Redis URL');
  }
  // Else whoever gave a CA would talk in the clear without knowing it.
  if (tls !== undefined && !speaksTls)
    throw at('/redis/tls', 'the URL does not speak TLS: write rediss in place of redis');
  try {
    return readTls(tls);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
    throw at('/redis/tls', `a file cannot be read: ${code}`);
  }
}

/** The store of an app's limits. Throws {@link ConfigProblems} for files that cannot be read. */
export async function createLimits(
  { config, locate }: Loaded,
  { env = process.env }: AppOptions,
  log: StoreLog,
  onCommand: (seconds: number) => void,
): Promise<ManagedLimitStore> {
  const { url, sentinel_password: password, replicas } = config.redis;
  const files = checkRedis({ config, locate });
  const sentinelPassword = password === undefined ? undefined : secretOf(password, env).value();
  return createLimitStore({ redis: { url, tls: files, sentinelPassword }, replicas, log, onCommand });
}

/** What of a configuration makes tracing. */
export function tracingOf({ telemetry }: Config): Omit<TracingOptions, 'version'> {
  const { endpoint, sample, keep_errors: keepErrors, keep_slow: keepSlowMs } = telemetry.traces;
  return { endpoint, sample, keepErrors, keepSlowMs };
}

/** What a reload cannot change; the rest takes effect at once. */
export function warnOfRestart(before: Config, after: Config, log: PolicyLogger): void {
  const fixed = {
    listen: [before.listen, after.listen],
    admin: [before.admin, after.admin],
    redis: [before.redis, after.redis],
    'telemetry.traces': [before.telemetry.traces, after.telemetry.traces],
    'telemetry.logs': [before.telemetry.logs, after.telemetry.logs],
    'server.max_header_bytes': [before.server.max_header_bytes, after.server.max_header_bytes],
    'server.max_connections': [before.server.max_connections, after.server.max_connections],
    'server.header_timeout': [before.server.header_timeout, after.server.header_timeout],
    'server.request_timeout': [before.server.request_timeout, after.server.request_timeout],
  };
  const changed = Object.entries(fixed).filter(([, [was, is]]) => JSON.stringify(was) !== JSON.stringify(is));
  if (changed.length === 0) return;
  log.warn({ settings: changed.map(([name]) => name) }, 'these settings take effect at the next start only');
}

/** What the environment says and the configuration does not take: the variable is read where proxy.yaml names it. */
export function warnOfUnused(
  config: Config,
  env: Readonly<Record<string, string | undefined>>,
  log: PolicyLogger,
): void {
  const variable = 'OTEL_EXPORTER_OTLP_ENDPOINT';
  if (config.telemetry.traces.endpoint !== '' || (env[variable] ?? '') === '') return;
  log.warn(
    { variable, write: `telemetry: { traces: { endpoint: "\${${variable}:-}" } }` },
    'no traces are sent: this variable is set, and telemetry.traces.endpoint of the configuration is empty',
  );
}
