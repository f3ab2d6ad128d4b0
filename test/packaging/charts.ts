/** The charts, as helm renders them. */
import { cpSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { type HelmResult, helm } from '../support/helm.ts';
import type { Manifest } from '../support/kubernetes-types.ts';
import { root } from './repository.ts';

/** A copy of both charts, the example with its dependency: the tree itself stays as it is. */
export interface Charts {
  /** Where they are: `sluice` and `example-game`. */
  readonly folder: string;
  helm(...args: string[]): HelmResult;
  /** What `helm template` gives; throws when helm refuses, with its words. */
  render(chart: string, ...args: string[]): Rendered[];
  /** Every values file for CI, as `chart/ci/NAME-values.yaml`. */
  readonly valuesFiles: readonly string[];
  remove(): void;
}

/** Of a container, what the tests look at. */
export interface Container {
  readonly name: string;
  readonly args?: readonly string[];
  readonly env?: readonly { name: string; value?: string; valueFrom?: object }[];
  readonly envFrom?: readonly object[];
  readonly ports?: readonly { name: string; containerPort: number }[];
  readonly restartPolicy?: string;
  readonly lifecycle?: { preStop: { exec?: { command: string[] }; sleep?: { seconds: number } } };
  readonly securityContext?: object;
  readonly volumeMounts?: readonly { name: string; mountPath: string; readOnly?: boolean }[];
  readonly startupProbe?: Probe;
  readonly readinessProbe?: Probe;
  readonly livenessProbe?: Probe;
}

interface Probe {
  readonly httpGet: { path: string; port: string; host?: string };
}

/** Of a pod, what the tests look at. */
export interface PodSpec {
  readonly terminationGracePeriodSeconds?: number;
  readonly initContainers?: readonly Container[];
  readonly containers: readonly Container[];
  readonly volumes?: readonly {
    readonly name: string;
    readonly projected?: { readonly sources: readonly { readonly configMap: { readonly name: string } }[] };
  }[];
}

/** Of a manifest, what the tests look at. */
export interface Rendered extends Manifest {
  readonly metadata: Metadata;
  readonly data?: Readonly<Record<string, string>>;
  readonly spec?: {
    readonly selector?: { readonly matchLabels?: Labels };
    readonly podSelector?: { readonly matchLabels?: Labels };
    readonly template?: { readonly metadata: Omit<Metadata, 'name'>; readonly spec: PodSpec };
    readonly [other: string]: unknown;
  };
}

type Labels = Readonly<Record<string, string>>;
interface Metadata {
  readonly name: string;
  readonly labels?: Labels;
  readonly annotations?: Labels;
}

/** The pod that a manifest makes: its own spec, or its template's. */
export function podOf({ kind, spec }: Rendered): PodSpec | undefined {
  // A Pod's spec is the pod's itself; the types of Kubernetes have judged it.
  return kind === 'Pod' ? (spec as unknown as PodSpec) : spec?.template?.spec;
}

/** Its containers that run the image of Sluice, wherever they stand. */
export function sluiceContainers(pod: PodSpec): Container[] {
  return [...(pod.initContainers ?? []), ...pod.containers].filter(({ name }) => name !== 'game');
}

/** The manifest of this kind; throws when there is none. */
export function only(manifests: readonly Rendered[], kind: string): Rendered {
  const found = manifests.find((manifest) => manifest.kind === kind);
  if (found === undefined) throw new Error(`there is no ${kind}`);
  return found;
}

/** Copies the charts and brings the example its dependency. */
export function prepareCharts(): Charts {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-charts-'));
  cpSync(join(root, 'helm'), folder, { recursive: true });
  const run = (...args: string[]) => helm(args, folder);
  must(run('dependency', 'update', '--skip-refresh', 'example-game'));
  return {
    folder,
    helm: run,
    render: (chart, ...args) => manifestsOf(must(run('template', 'game', chart, ...args)).stdout),
    valuesFiles: ['sluice', 'example-game'].flatMap((chart) =>
      readdirSync(join(folder, chart, 'ci')).map((file) => `${chart}/ci/${file}`),
    ),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

function must(result: HelmResult): HelmResult {
  if (result.status !== 0) throw new Error(result.output);
  return result;
}

/** What `helm template` has printed, as data. helm reads YAML 1.1, where 0444 is octal. */
export function manifestsOf(text: string): Rendered[] {
  return parseAllDocuments(text, { version: '1.1', uniqueKeys: true })
    .map((document) => {
      const [error] = document.errors;
      if (error !== undefined) throw error;
      return document.toJS() as Rendered | null;
    })
    .filter((manifest) => manifest !== null);
}
