/** Bare proxies in Node, see node-proxies.ts. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Contender } from './contender.ts';

const script = fileURLToPath(new URL('node-proxies.ts', import.meta.url));

function nodeProxy(name: string, kind: string, version: () => string): Contender {
  return {
    name,
    version,
    async start({ upstream, spawn }) {
      const { pid, said } = spawn([process.execPath, script, kind, upstream]);
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
