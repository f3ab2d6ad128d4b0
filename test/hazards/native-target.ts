/** http-proxy-3's native pass as a hazard's target: what hazards are compared with. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Scope } from '../support/close-after.ts';
import { providerKey, type Target } from './hazard.ts';
import type { NativeSettings } from './native-pass.ts';

const script = fileURLToPath(new URL('native-pass.ts', import.meta.url));
/** Processes that have stood all that they were given so far, and all that were started. */
const idle: ChildProcess[] = [];
const all: ChildProcess[] = [];

/** The native pass in a process that no other hazard uses at the same time. */
export interface NativeTarget extends Target {
  /** Whether its process has ended by itself. */
  readonly died: boolean;
  /** Lets go of the process; one whose hazard it did not stand is not used again. */
  release(stood: boolean): void;
}

/** See {@link NativeTarget}. */
export function nativePass(scope: Scope): NativeTarget {
  // What a user would say with --max-http-header-size; the server has its own, smaller limit.
  const execArgv = ['--max-http-header-size=131072'];
  const child = takeIdle() ?? fork(script, { execArgv, stdio: ['ignore', 'ignore', 'ignore', 'ipc'] });
  if (!all.includes(child)) all.push(child);
  return {
    name: 'http-proxy-3, native pass',
    scope,
    get died() {
      return child.exitCode !== null;
    },
    release(stood) {
      if (stood && child.connected) idle.push(child);
      else child.kill('SIGKILL');
    },
    async start(target, { connectMs, firstByteMs, idleMs, connections, maxHeaderBytes } = {}) {
      const settings: NativeSettings = {
        target,
        key: providerKey,
        // It has one timeout for both.
        ...numbers({ proxyTimeout: firstByteMs ?? idleMs, connectTimeout: connectMs, connections, maxHeaderBytes }),
      };
      // One that has stood its last hazard may die of it a moment later.
      const ended = once(child, 'exit').then(() => Promise.reject(new Error('the process has died')));
      child.send(settings, () => {});
      const [port] = (await Promise.race([once(child, 'message'), ended])) as [number];
      ended.catch(() => undefined);
      return `http://127.0.0.1:${port}`;
    },
  };
}

/** Ends the processes that are left. */
export function endNativeProcesses(): void {
  for (const child of all.splice(0)) child.kill('SIGKILL');
}

function takeIdle(): ChildProcess | undefined {
  let child = idle.pop();
  while (child !== undefined && child.exitCode !== null) child = idle.pop();
  return child;
}

function numbers<K extends string>(values: Readonly<Record<K, number | undefined>>): Partial<Record<K, number>> {
  const given: Partial<Record<K, number>> = {};
  for (const key of Object.keys(values) as K[]) if (values[key] !== undefined) given[key] = values[key];
  return given;
}
