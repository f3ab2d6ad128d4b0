/** Runs the image by runc as a pod under the restricted Pod Security Standard would, with the network of the machine. */
import { once } from 'node:events';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { closeAfter, type Scope } from '../../support/close-after.ts';
import { LogLines } from '../../support/log-lines.ts';
import { type MemoryCgroup, memoryCgroup } from '../../support/memory-cgroup.ts';
import type { Image } from './build-image.ts';
import { command, start } from './command.ts';

/** What a container is started with. */
export interface ContainerOptions {
  readonly t?: Scope;
  /** The configuration, mounted at `/etc/sluice/proxy.yaml`. */
  readonly yaml: string;
  /** Arguments of the image's entry point. */
  readonly args: readonly string[];
  /** In place of the image's entry point. */
  readonly entrypoint?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly uid?: number;
  readonly memoryBytes: number;
}

/** A container that has been started. */
export interface Container {
  readonly log: LogLines;
  readonly output: string;
  readonly memory: MemoryCgroup;
  readonly exited: Promise<number>;
  /** A line of `/proc/PID/status` of its first process, e.g. `VmRSS`. */
  status(field: string): Promise<string>;
  signal(name: string): Promise<string>;
}

let count = 0;

/** Starts a container; killed and deleted after the test. */
export async function startContainer(image: Image, options: ContainerOptions): Promise<Container> {
  const id = `sluice-test-${process.pid}-${++count}`;
  const bundle = await makeBundle(image, options, id);
  const child = start('runc', ['run', '--bundle', bundle, id]);
  const log = new LogLines();
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => {
      output += text;
      log.write(text);
    });
  }
  const exited = once(child, 'close').then(([code]) => {
    log.end(`the container exited with ${code}:\n${output.slice(-2000)}`);
    return Number(code);
  });
  closeAfter(options.t, async () => {
    await command('runc', 'kill', id, 'KILL').catch(() => undefined);
    await exited;
    await command('runc', 'delete', '--force', id);
    await rm(bundle, { recursive: true, force: true });
  });
  return {
    log,
    get output() {
      return output;
    },
    memory: memoryCgroup(id),
    exited,
    async status(field) {
      const { pid } = JSON.parse(await command('runc', 'state', id));
      const text = await readFile(`/proc/${pid}/status`, 'utf8');
      return new RegExp(`^${field}:\\s*(.*)$`, 'm').exec(text)?.[1] ?? '';
    },
    signal: (name) => command('runc', 'kill', id, name),
  };
}

/** What runc starts a container from: a folder with its configuration, and Sluice's. */
export async function makeBundle(image: Image, options: ContainerOptions, id: string): Promise<string> {
  const bundle = await mkdtemp(join(tmpdir(), 'sluice-container-'));
  await writeFile(join(bundle, 'config.json'), JSON.stringify(specification(image, options, { id, bundle })));
  await writeFile(join(bundle, 'proxy.yaml'), options.yaml);
  // The user of the container reads it.
  await chmod(bundle, 0o755);
  return bundle;
}

function specification(
  image: Image,
  options: ContainerOptions,
  { id, bundle }: { id: string; bundle: string },
): object {
  const { User, Env, Entrypoint, WorkingDir } = image.config;
  const [uid = 0, gid = 0] = options.uid === undefined ? User.split(':').map(Number) : [options.uid, options.uid];
  const mount = (destination: string, type: string, source: string, ...more: string[]) => ({
    destination,
    type,
    source,
    options: ['nosuid', 'nodev', 'noexec', ...more],
  });
  return {
    ociVersion: '1.0.2',
    process: {
      user: { uid, gid },
      args: [...(options.entrypoint ?? Entrypoint), ...options.args],
      env: [...Env, ...Object.entries(options.env ?? {}).map(([name, value]) => `${name}=${value}`)],
      cwd: WorkingDir,
      capabilities: { bounding: [], effective: [], permitted: [], inheritable: [], ambient: [] },
      noNewPrivileges: true,
    },
    root: { path: image.rootfs, readonly: true },
    mounts: [
      mount('/proc', 'proc', 'proc'),
      { destination: '/dev', type: 'tmpfs', source: 'tmpfs', options: ['nosuid', 'mode=755', 'size=64k'] },
      mount('/sys/fs/cgroup', 'cgroup', 'cgroup', 'ro'),
      // The emptyDir of the chart.
      mount('/tmp', 'tmpfs', 'tmpfs', 'mode=1777', 'size=16m'),
      mount('/etc/sluice', 'bind', bundle, 'bind', 'ro'),
    ],
    linux: {
      cgroupsPath: `/${id}`,
      resources: {
        memory: { limit: options.memoryBytes, swap: options.memoryBytes },
        devices: [{ allow: false, access: 'rwm' }],
      },
      // No network namespace: the tests talk to it over the loopback.
      namespaces: ['pid', 'ipc', 'uts', 'mount', 'cgroup'].map((type) => ({ type })),
      maskedPaths: ['/proc/kcore', '/proc/keys', '/sys/firmware'],
      readonlyPaths: ['/proc/sys', '/proc/sysrq-trigger'],
    },
  };
}
