/** http-proxy-3's native pass as a hazard's target: what hazards are compared with. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { closeAfter, type Scope } from '../support/close-after.ts';
import { providerKey, type Target } from './hazard.ts';

const script = fileURLToPath(new URL('native-pass.ts', import.meta.url));

/** The native pass, in a process of its own for each hazard. */
export interface NativeTarget extends Target {
  /** Whether its process has ended by itself. */
  readonly died: boolean;
}

/** See {@link NativeTarget}. */
export function nativePass(scope: Scope): NativeTarget {
  let died = false;
  return {
    name: 'http-proxy-3, native pass',
    scope,
    get died() {
      return died;
    },
    async start(upstream, { connectMs, firstByteMs, idleMs, connections, maxHeaderBytes } = {}) {
      const settings = {
        target: upstream,
        key: providerKey,
        // It has one timeout for both.
        proxyTimeout: firstByteMs ?? idleMs,
        connectTimeout: connectMs,
        connections,
      };
      const flags = maxHeaderBytes === undefined ? [] : [`--max-http-header-size=${maxHeaderBytes}`];
      const child = spawn(process.execPath, [...flags, script, JSON.stringify(settings)], {
        stdio: ['ignore', 'pipe', 'ignore'],
      });
      child.once('exit', (code) => {
        died = code !== null && code !== 0;
      });
      closeAfter(scope, () => child.kill('SIGKILL'));
      const [line] = (await once(child.stdout, 'data')) as [Buffer];
      return `http://127.0.0.1:${line.toString().trim()}`;
    },
  };
}
