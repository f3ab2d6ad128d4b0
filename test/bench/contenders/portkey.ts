/**
 * Portkey's gateway, which is installed from the npm registry once a machine, in a folder of this user's. As it comes,
 * npm takes later versions of Hono with it, with which its streams break.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '../../support/free-port.ts';
import { cacheFolder, moveInto } from '../../support/registry-package.ts';
import type { Contender } from './contender.ts';
import { untilListening } from './until-listening.ts';

const version = '1.15.2';
const overrides = { hono: '4.9.7', '@hono/node-server': '1.13.5' };

export const portkey: Contender = {
  name: 'Portkey gateway',
  version: () => version,
  async start({ upstream, spawn }) {
    const port = await freePort();
    const script = join(installed(), 'node_modules/@portkey-ai/gateway/build/start-server.js');
    const command = [process.execPath, script, `--port=${port}`, '--headless'];
    const { pid } = spawn(command, { env: { NODE_ENV: 'production' } });
    await untilListening(port);
    const headers = {
      'x-portkey-provider': 'openai',
      'x-portkey-custom-host': `${upstream}/v1`,
      authorization: 'Bearer sk-bench',
    };
    return { pid, target: { url: `http://127.0.0.1:${port}/v1/chat/completions`, headers } };
  },
};

function installed(): string {
  const folder = join(cacheFolder(), `portkey-${version}`);
  if (existsSync(folder)) return folder;
  console.log(`installing @portkey-ai/gateway ${version} …`);
  const work = mkdtempSync(join(cacheFolder(), 'portkey-'));
  try {
    const made = join(work, 'made');
    mkdirSync(made);
    const dependencies = { '@portkey-ai/gateway': version };
    writeFileSync(join(made, 'package.json'), JSON.stringify({ private: true, dependencies, overrides }));
    const args = ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
    const { status, stderr } = spawnSync('npm', args, { cwd: made, encoding: 'utf8' });
    if (status !== 0) throw new Error(`npm ${args.join(' ')} failed: ${stderr}`);
    moveInto(made, folder);
    return folder;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}
