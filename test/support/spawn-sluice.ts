import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { inheritedBreak } from './broken-build.ts';
import { closeAfter, type Scope } from './close-after.ts';
import { type LogLine, LogLines } from './log-lines.ts';
import type { MemoryCgroup } from './memory-cgroup.ts';

/** How a process ended: its exit code, or the signal that killed it. */
export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A Sluice in a process of its own. */
export interface SluiceProcess {
  readonly pid: number;
  /** Log lines of its standard output, and the text of both outputs. */
  readonly logs: readonly LogLine[];
  readonly stdout: string;
  readonly stderr: string;
  /** Resolves with its URLs once it says that it is ready; rejects with its output when it exits before. */
  readonly ready: Promise<{ readonly url: string; readonly adminUrl: string }>;
  readonly exited: Promise<Exit>;
  /** The first log line that matches, past or future. */
  logged(matches: (line: LogLine) => boolean): Promise<LogLine>;
  /** Sends a signal (SIGTERM by default) and resolves when the process has ended, unless it is one that does not end it. */
  kill(signal?: NodeJS.Signals): Promise<Exit>;
  /** Sends a signal and goes on. */
  signal(signal: NodeJS.Signals): void;
}

/** What the process sees besides its arguments. */
export interface SpawnOptions {
  readonly t?: Scope;
  readonly cwd?: string;
  /** Flags of Node. */
  readonly flags?: readonly string[];
  /** Another file than `src/main.ts`, e.g. a bundle. */
  readonly main?: string;
  /** The group whose memory limit it gets, before Node looks for one. */
  readonly cgroup?: MemoryCgroup | undefined;
}

const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url));

/**
 * Starts `node src/main.ts` with these arguments; killed after the test.
 * @param env its whole environment besides PATH and HOME: nothing else of the test's own is handed on.
 */
export function spawnSluice(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  options: SpawnOptions = {},
): SluiceProcess {
  const { PATH, HOME } = process.env;
  const command = [process.execPath, ...(options.flags ?? []), options.main ?? main, ...args];
  const { cgroup } = options;
  const [program = '', ...rest] = cgroup === undefined ? command : cgroup.commandWithin(command);
  const child = spawn(program, rest, {
    cwd: options.cwd ?? fileURLToPath(new URL('../..', import.meta.url)),
    env: { PATH, HOME, ...inheritedBreak(), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  if (child.pid === undefined) throw new Error(`cannot start ${process.execPath}`);
  const log = new LogLines();
  const output = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output.stdout += text;
    log.write(text);
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    output.stderr += text;
  });
  const exited = new Promise<Exit>((resolve) => {
    child.once('close', (code, signal) => {
      log.end(`sluice exited with ${code ?? signal}, stderr:\n${output.stderr}`);
      resolve({ code, signal });
    });
  });
  const ready = log.waitFor(saysReady).then(urlsOf);
  // Whoever starts it to see it fail does not ask whether it is ready.
  ready.catch(() => undefined);
  closeAfter(options.t, async () => {
    child.kill('SIGKILL');
    await exited;
  });
  return {
    pid: child.pid,
    logs: log.lines,
    get stdout() {
      return output.stdout;
    },
    get stderr() {
      return output.stderr;
    },
    ready,
    exited,
    logged: (matches) => log.waitFor(matches),
    kill: (signal = 'SIGTERM') => {
      child.kill(signal);
      return exited;
    },
    signal: (signal) => {
      child.kill(signal);
    },
  };
}

/** Writes YAML to a file of its own, removed after the test, and returns its path, for `--config`. */
export async function yamlFile(yaml: string, options: { t?: Scope } = {}): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-test-'));
  closeAfter(options.t, () => rm(folder, { recursive: true, force: true }));
  const path = join(folder, 'proxy.yaml');
  await writeFile(path, yaml);
  return path;
}

// Not just "ready", which is in "already" too.
function saysReady(line: LogLine): boolean {
  return typeof line.msg === 'string' && /\bready\b/.test(line.msg) && Array.isArray(line.listen);
}

function urlsOf(line: LogLine): { url: string; adminUrl: string } {
  const first = (value: unknown) => (Array.isArray(value) && typeof value[0] === 'string' ? value[0] : undefined);
  const url = first(line.listen);
  const adminUrl = first(line.admin);
  if (url === undefined || adminUrl === undefined) {
    throw new Error(`the line that says "ready" names no listen and admin URLs: ${JSON.stringify(line)}`);
  }
  return { url, adminUrl };
}
