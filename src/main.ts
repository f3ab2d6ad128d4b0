#!/usr/bin/env node
/** The command line. The only file of `src` that imports the catalogue of policies. */
import { parseArgs } from 'node:util';
import { policies } from '../policies/index.ts';
import { type App, ConfigProblems, checkConfig, createApp, version } from './app.ts';
import { hashKey } from './auth/hash-key.ts';
import { proxySchema } from './config/json-schema.ts';
import { formatProblems } from './config/problems.ts';
import { logWarnings } from './configured.ts';
import { keepEnvironmentOutOfReports } from './diagnostic-reports.ts';
import { probe } from './probe.ts';
import { sleep } from './sleep.ts';
import { summaryOf } from './summary.ts';
import { scrub } from './telemetry/redact.ts';
import { UsageError } from './usage-error.ts';

const usage = `Usage: sluice [run] [--config FILE]…     run the sidecar (default: proxy.yaml)
       sluice check [--config FILE]…    validate the configuration and exit (also --check)
       sluice schema                    print the JSON Schema of proxy.yaml
       sluice hash-key --identity NAME [--tag TAG]… [--expires TIME] [--salt SALT] [--generate]
                                        make an entry of client-auth: a key from stdin, or a new one
       sluice sleep SECONDS             wait, for a preStop hook; SIGTERM ends it
       sluice probe URL [--status CODE] GET it once: 0 when it answers with the status (200), else 1
       sluice --version | --help

  --config FILE   a configuration file; given several times, later files are laid over earlier ones
                  (maps merge, lists replace, policies merge by id)
  --no-dns        check: do not resolve the names of upstreams; else it warns of those that are unknown or not public
  --no-watch      run: reload at SIGHUP only, not whenever a configuration file has changed

Signals: SIGHUP reloads the configuration, SIGTERM and SIGINT drain and exit, a second one exits at once.
Exit codes: 0 done, 1 cannot run (a port is taken, for example), 2 the configuration or the command line is wrong.
`;

interface Command {
  readonly name: 'run' | 'check' | 'schema' | 'version' | 'help';
  readonly files: readonly string[];
  readonly resolve: boolean;
  readonly watch: boolean;
}

function commandOf(argv: readonly string[]): Command {
  try {
    const { values, positionals } = parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: {
        config: { type: 'string', short: 'c', multiple: true, default: ['proxy.yaml'] },
        check: { type: 'boolean', default: false },
        'no-dns': { type: 'boolean', default: false },
        'no-watch': { type: 'boolean', default: false },
        version: { type: 'boolean', short: 'v', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
    const [name = 'run', ...rest] = positionals;
    const asked = { files: values.config, resolve: !values['no-dns'], watch: !values['no-watch'] };
    if (values.help) return { name: 'help', ...asked };
    if (values.version) return { name: 'version', ...asked };
    if (rest.length > 0) throw new UsageError(`unexpected argument "${rest[0]}"`);
    if (name !== 'run' && name !== 'check' && name !== 'schema') throw new UsageError(`unknown command "${name}"`);
    return { name: values.check ? 'check' : name, ...asked };
  } catch (error) {
    throw error instanceof UsageError ? error : new UsageError(error instanceof Error ? error.message : String(error));
  }
}

async function main(argv: readonly string[]): Promise<number | undefined> {
  if (argv[0] === 'hash-key') return hashKey(argv.slice(1), process);
  if (argv[0] === 'sleep') return sleep(argv.slice(1), process);
  if (argv[0] === 'probe') return probe(argv.slice(1), process);
  const { name, files, resolve, watch } = commandOf(argv);
  if (name === 'help') return say(usage);
  if (name === 'version') return say(`sluice ${version}, Node ${process.versions.node}\n`);
  if (name === 'schema') return say(`${JSON.stringify(proxySchema(policies), null, 2)}\n`);
  if (name === 'check') {
    // A lookup that has begun holds the process until the C library gives it up (10 s and more by default).
    process.env.RES_OPTIONS ??= 'timeout:1 attempts:1';
    const { config, warnings } = await checkConfig({ files, policies, resolve });
    if (warnings.length > 0) process.stderr.write(`${formatProblems(warnings)}\n`);
    return say(`${files.join(' + ')}: ok, ${config.routes.length} routes, ${config.policies.length} policies\n`);
  }
  await run(await createApp({ files, policies, watch }));
  return undefined;
}

/** Runs until a signal ends it; the process then exits by itself, or here when something keeps it. */
async function run(app: App): Promise<void> {
  try {
    await app.listen();
  } catch (error) {
    await app.close({ drainMs: 0 });
    throw error;
  }
  process.on('SIGHUP', () => void app.reload());
  let signals = 0;
  const stop = (signal: NodeJS.Signals) => {
    signals++;
    if (signals > 2) process.exit(0);
    app.log.info({ signal }, signals === 1 ? 'shutting down' : 'a second signal: exiting at once');
    if (signals === 2) {
      // What has been logged leaves, for at most two seconds; what still runs is cut.
      void app.log.close().finally(() => process.exit(0));
      return;
    }
    app.close().then(
      () => process.exit(0),
      (error: unknown) => fail(error, 1),
    );
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  // A stray error of one exchange must not take the others down; it is a bug, and the log says so.
  process.off('uncaughtException', failAtStart);
  process.on('uncaughtException', (err) => app.log.error({ err }, 'an error was caught by nobody'));
  process.on('unhandledRejection', (err) => app.log.error({ err }, 'a promise was rejected and nobody listened'));
  // Node prints its warnings to stderr by a listener of its own; the log has them instead.
  process.removeAllListeners('warning');
  process.on('warning', (err) => app.log.warn({ err }, 'Node warns'));
  logWarnings(app.warnings, app.log);
  app.log.info(summaryOf(app), 'sluice is ready');
}

function say(text: string): number {
  process.stdout.write(text);
  return 0;
}

function fail(error: unknown, code: number): void {
  const message = error instanceof Error ? error.message : String(error);
  process.stderr.write(`${scrub(message, 256 * 1024)}\n`);
  process.exitCode = code;
}

/** Until there is a log: a message, and no stack with a line of source. */
function failAtStart(error: unknown): void {
  fail(error, 1);
  process.exit(1);
}

process.on('uncaughtException', failAtStart);
keepEnvironmentOutOfReports();
main(process.argv.slice(2)).then(
  (code) => {
    if (code !== undefined) process.exitCode = code;
  },
  (error: unknown) => {
    if (error instanceof UsageError) fail(new Error(`${error.message}\n\n${usage}`), 2);
    else fail(error, error instanceof ConfigProblems ? 2 : 1);
  },
);
