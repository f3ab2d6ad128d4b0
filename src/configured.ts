/** From files to a pipeline: what start, reload and check have in common. */
import type { IssuerKeys } from './auth/issuer-keys.ts';
import { type FilesRead, filesAt } from './config/files-read.ts';
import { type Loaded, loadConfig, loadConfigText } from './config/load.ts';
import { type ConfigProblem, formatProblems, problemAt } from './config/problems.ts';
import { resolveNames } from './config/resolve-names.ts';
import type { Config } from './config/schema.ts';
import { createLimitStore, type LimitStoreOptions, type ManagedLimits } from './limits/create.ts';
import { BuildError, buildPipeline, type Pipeline, warningsOf } from './pipeline/build.ts';
import type { Policy, PolicyLogger } from './policy.ts';
import { KeptThings } from './resources/kept.ts';
import { parseRedisUrl } from './resources/redis-url.ts';
import { Secrets } from './resources/secrets.ts';
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
  /** Whether a change of `files` makes the app reload by itself once it listens. */
  readonly watch?: boolean;
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

/**
 * Loads and validates a configuration without starting anything; policies are set up and closed again.
 * @param options `resolve`: also resolve the names of upstreams, for two seconds at most, and warn of what would be refused.
 */
export async function checkConfig(options: AppOptions & { readonly resolve?: boolean }): Promise<Loaded> {
  const loaded = await load(options);
  checkRedis(loaded);
  const upstreams = new Shared<Upstream>();
  const limits = await createLimitStore();
  let warnings: readonly ConfigProblem[] = [];
  const env = options.env ?? process.env;
  try {
    const pipeline = await build(loaded, 1, {
      policies: options.policies,
      env,
      upstreams,
      limits,
      slots: limits.slots,
      issuers: new Shared<IssuerKeys>(),
      offline: true,
      secrets: new Secrets(env),
      kept: new KeptThings(),
      podName: '',
      log: { info: () => {}, warn: () => {}, error: () => {} },
      entryMetrics: () => ({ decision: () => {}, duration: () => {} }),
    });
    warnings = warningsOf(loaded, pipeline);
    await pipeline.close();
  } finally {
    await limits.close();
  }
  if (options.resolve !== true) return { ...loaded, warnings };
  const names = await resolveNames(loaded, options.env ?? process.env);
  return { ...loaded, warnings: [...warnings, ...names] };
}

/** Reads and validates; throws {@link ConfigProblems}. `read` is told what the files held. */
export async function load(options: AppOptions, read?: FilesRead): Promise<Loaded> {
  const { policies, env = process.env } = options;
  const result =
    options.yaml === undefined
      ? await loadConfig(options.files ?? ['proxy.yaml'], { policies, env, read })
      : await loadConfigText(options.yaml, { policies, env });
  if (!result.ok) throw new ConfigProblems(result.problems);
  // Before they are used: what changes in between is then seen as a change.
  await read?.noteNamed(result.config);
  return result;
}

/** Builds a pipeline; a policy's complaint becomes a located problem. */
export async function build(
  loaded: Loaded,
  generation: number,
  deps: Parameters<typeof buildPipeline>[2] & { readonly read?: FilesRead | undefined },
): Promise<Pipeline> {
  try {
    return await buildPipeline(loaded.config, generation, deps);
  } catch (error) {
    if (!(error instanceof BuildError)) throw error;
    // A file that a policy could not use may be mended without a change of the configuration.
    await deps.read?.noteMore(
      filesAt(
        loaded.config,
        error.faults.map(({ pointer }) => pointer),
      ),
    );
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
  secrets: Secrets,
  told: Pick<LimitStoreOptions, 'log' | 'onCommand' | 'onWait'>,
): Promise<ManagedLimits> {
  const { url, sentinel_password: password, replicas } = config.redis;
  const files = checkRedis({ config, locate });
  const sentinelPassword = password === undefined ? undefined : secrets.acquire(password).value();
  // Read once: a connection keeps what it was opened with.
  if (password !== undefined) await secrets.release(password);
  return createLimitStore({ redis: { url, tls: files, sentinelPassword }, replicas, ...told });
}

/** What of a configuration makes tracing. */
export function tracingOf({ telemetry }: Config): Omit<TracingOptions, 'version'> {
  const { endpoint, sample, keep_errors: keepErrors, keep_slow: keepSlowMs } = telemetry.traces;
  return { endpoint, sample, keepErrors, keepSlowMs };
}

/** Says why a reload has failed, and which generation goes on; returns what is wrong with the configuration. */
export function tellFailedReload(
  error: unknown,
  generation: number | undefined,
  log: PolicyLogger,
): readonly ConfigProblem[] {
  const problems = error instanceof ConfigProblems ? error.problems : [];
  const err = error instanceof ConfigProblems ? undefined : error;
  const fields = { generation, problems: problems.map((one) => formatProblems([one])), err };
  log.error(fields, 'reload failed; the running configuration stays');
  return problems;
}

/** Says what is odd about a configuration and keeps it from nothing. */
export function logWarnings(warnings: readonly ConfigProblem[], log: PolicyLogger): void {
  for (const { file, line, path, message } of warnings) log.warn({ file, line, path }, message);
}

/** Says that a reload has been taken, what of it waits for the next start and what is odd about it. */
export function tellReload(
  before: Config,
  { generation, config, entries }: Pipeline,
  warnings: readonly ConfigProblem[],
  log: PolicyLogger,
): void {
  log.info({ generation, policies: entries.map((entry) => entry.id) }, 'configuration reloaded');
  warnOfRestart(before, config, log);
  logWarnings(warnings, log);
}

/** What a reload cannot change; the rest takes effect at once. */
function warnOfRestart(before: Config, after: Config, log: PolicyLogger): void {
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
