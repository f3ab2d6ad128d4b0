/** Bare proxies in Node, see node-proxies.ts. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import type { Contender } from './contender.ts';

const script = fileURLToPath(new URL('node-proxies.ts', import.meta.url));

function nodeProxy(name: string, kind: string, version: () => string): Contender {
  return {
    name,
    version,
    async start({ upstream, folder, spawn }) {
      // Bundled as Sluice is: what Node needs to run TypeScript would count as the proxy's memory and time to start.
      const outfile = join(folder, 'proxy.cjs');
      await build({
        entryPoints: [script],
        outfile,
        bundle: true,
        platform: 'node',
        target: 'node24',
        logLevel: 'error',
      });
      const { pid, said } = spawn([process.execPath, outfile, kind, upstream]);
      const [, port] = await said(/port (\d+)/);
      return { pid, target: { url: `http://127.0.0.1:${port}/v1/chat/completions`, headers: {} } };
    },
  };
}

function versionOf(name: string): string {
  const file = fileURLToPath(new URL(`../../../node_modules/${name}/package.json`, import.meta.url));
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
}

export const httpProxy3 = nodeProxy('http-proxy-3, bare', 'http-proxy-3', () => versionOf('http-proxy-3'));
export const undiciPass = nodeProxy('undici pass, bare', 'undici-pass', () => versionOf('undici'));
export const tcpRelay = nodeProxy('TCP relay in Node', 'tcp-relay', () => process.versions.node);
export const nodeProxies: readonly Contender[] = [httpProxy3, undiciPass, tcpRelay];
