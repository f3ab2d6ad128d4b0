/**
 * Strict checks of manifests against the types of the Kubernetes API, offline: each manifest is written down as an object
 * literal of its type, and the TypeScript compiler refuses unknown fields, wrong types and missing fields at any depth.
 * What only a server knows (ranges, formats, enumerations, names that must exist) it cannot tell.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cacheFolder, type RegistryPackage, registryPackage } from './registry-package.ts';

/** Generated from the OpenAPI documents of Kubernetes and the CRDs of the Prometheus operator. */
const PACKAGES: readonly RegistryPackage[] = [
  {
    name: 'kubernetes-models',
    version: '5.1.0',
    integrity: 'sha512-ym4Kiyr8BzGIWj4f853ytVYES1B8C1BdONRP5zodItPD1o//OEKuTwC5nFV3ZJtFGeMqOFbIYkpunSVXSlHS8g==',
  },
  {
    name: '@kubernetes-models/apimachinery',
    version: '3.0.2',
    integrity: 'sha512-6Vbzr/tinxPBGGdfYjXiV9WPj8PEhyiqGJiWhXrsihK7h6glPj4HKUxZ0YwYXH/5uucm/NVef/xY3vZ4Crj1Fg==',
  },
  {
    name: '@kubernetes-models/base',
    version: '6.0.1',
    integrity: 'sha512-pXKCFeSoL6RsMxoPDwaJ5JtijVjeuNCacgtYS9dImF7qFdzdc9lcQbem6y6Ug7/K6/bFOWdTu3qIX88IK81o0A==',
  },
  {
    name: '@kubernetes-models/prometheus-operator',
    version: '6.0.0',
    integrity: 'sha512-ySNW4T6U6Vn86bmcJ/emmAYJ/UrzpNvzxWexWJSALwgiO4FqCgL6WoqFsOReSiMhw/LlF+MljQvoiwD3RnaGmg==',
  },
];

const MODULES: Readonly<Record<string, string>> = {
  'v1 ConfigMap': 'kubernetes-models/v1/ConfigMap',
  'v1 Pod': 'kubernetes-models/v1/Pod',
  'v1 Service': 'kubernetes-models/v1/Service',
  'apps/v1 Deployment': 'kubernetes-models/apps/v1/Deployment',
  'policy/v1 PodDisruptionBudget': 'kubernetes-models/policy/v1/PodDisruptionBudget',
  'networking.k8s.io/v1 NetworkPolicy': 'kubernetes-models/networking.k8s.io/v1/NetworkPolicy',
  'monitoring.coreos.com/v1 PodMonitor': '@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1/PodMonitor',
};

/** A manifest as data. */
export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
}

/** What one declaration takes from a package that is needed for nothing else. */
const VALIDATE =
  "declare module '@kubernetes-models/validate' { export type ValidateFunc<T> = (data: T) => boolean; }\n";

const compilerOptions = {
  strict: true,
  noEmit: true,
  module: 'esnext',
  moduleResolution: 'bundler',
  target: 'esnext',
  types: [],
  // A declaration that does not resolve would be `any`, which takes everything.
  skipLibCheck: false,
};

const compiler = fileURLToPath(new URL('../../node_modules/typescript/bin/tsc', import.meta.url));

/** What is wrong with each manifest, as the compiler tells it: empty texts where nothing is. Throws for a kind unknown here. */
export function checkManifests(manifests: readonly Manifest[]): string[] {
  const work = mkdtempSync(join(cacheFolder(), 'types-'));
  try {
    for (const wanted of PACKAGES) {
      const place = join(work, 'node_modules', wanted.name);
      mkdirSync(dirname(place), { recursive: true });
      symlinkSync(registryPackage(wanted), place);
    }
    writeFileSync(join(work, 'validate.d.ts'), VALIDATE);
    const files = manifests.map((_, i) => `manifest-${i}.ts`);
    manifests.forEach((manifest, i) => {
      writeFileSync(join(work, `manifest-${i}.ts`), sourceOf(manifest));
    });
    const options = {
      compilerOptions: { ...compilerOptions, preserveSymlinks: true },
      files: ['validate.d.ts', ...files],
    };
    writeFileSync(join(work, 'tsconfig.json'), JSON.stringify(options));
    const { status, stdout, stderr } = spawnSync(process.execPath, [compiler, '-p', '.'], {
      cwd: work,
      encoding: 'utf8',
    });
    const problems = files.map((file) => linesOf(stdout, file));
    // Whatever is not about a manifest is a fault of this check.
    if ((status === 0) !== problems.every((text) => text === '')) throw new Error(`tsc failed: ${stdout}${stderr}`);
    return problems;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

function sourceOf(manifest: Manifest): string {
  const module = MODULES[`${manifest.apiVersion} ${manifest.kind}`];
  if (module === undefined) throw new Error(`${manifest.apiVersion} ${manifest.kind} is not known here`);
  const literal = JSON.stringify(manifest, null, 1);
  return `import type { I${manifest.kind} as Type } from '${module}';\nexport const manifest: Type = ${literal};\n`;
}

function linesOf(output: string, file: string): string {
  return output
    .split('\n')
    .filter((line) => line.startsWith(`${file}(`))
    .join('\n');
}
