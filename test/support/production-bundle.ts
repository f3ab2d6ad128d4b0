/** The bundle as the image has it: built from this tree, and warmed up. */
import { execFile } from 'node:child_process';
import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { freePort } from './free-port.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const run = promisify(execFile);

/** A bundle in a folder of its own. */
export interface ProductionBundle {
  /** What is started, `dist/sluice.js`. */
  readonly main: string;
  readonly dist: string;
  /** `proxy.yaml` as shipped, but for a free port of 127.0.0.1 and ::1 to listen on; SLUICE_ADMIN says the other one. */
  readonly config: string;
  /** `localhost:PORT` */
  readonly admin: string;
}

/** Builds into `folder`, with the package.json of the image beside: without one Node reads the launcher twice. */
export async function buildBundle(folder: string): Promise<ProductionBundle> {
  const dist = join(folder, 'dist');
  const config = join(folder, 'proxy.yaml');
  await mkdir(dist, { recursive: true });
  await copyFile(join(root, 'package.json'), join(folder, 'package.json'));
  await run(process.execPath, [join(root, 'esbuild.mjs'), '--outdir', dist]);
  const shipped = await readFile(join(root, 'proxy.yaml'), 'utf8');
  await writeFile(config, shipped.replace('listen: localhost:7480', `listen: localhost:${await freePort()}`));
  return { main: join(dist, 'sluice.js'), dist, config, admin: `localhost:${await freePort()}` };
}

/** Makes its code cache as the Dockerfile does; returns the path that is told. */
export async function warmUp({ dist, config, admin }: ProductionBundle): Promise<string> {
  const listen = /^listen: (\S+)$/m.exec(await readFile(config, 'utf8'))?.[1] ?? '';
  const args = [join(dist, 'warm-up.js'), '--config', config, '--listen', listen, '--admin', admin];
  const { stdout } = await run(process.execPath, args, { env: {} });
  const path = /^(\S+\.cache): /m.exec(stdout)?.[1];
  if (path === undefined) throw new Error(`warm-up.js names no cache: ${stdout}`);
  return path;
}
