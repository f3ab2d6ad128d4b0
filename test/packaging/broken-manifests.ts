/** Manifests with one thing wrong each: what the check of the rendered ones must be able to see. */
import type { Manifest } from '../support/kubernetes-types.ts';

const container = { name: 'sluice', image: 'sluice' };
const pod = (spec: object) => ({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p' }, spec });
const deployment = (spec: object) => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'd' },
  spec: { selector: {}, template: { spec: { containers: [container] } }, ...spec },
});
const monitor = (endpoint: object) => ({
  apiVersion: 'monitoring.coreos.com/v1',
  kind: 'PodMonitor',
  metadata: { name: 'm' },
  spec: { selector: {}, podMetricsEndpoints: [endpoint] },
});

/** The same without the mistakes. */
export const soundManifests: readonly Manifest[] = [
  pod({ containers: [container] }),
  deployment({ replicas: 2 }),
  monitor({ port: 'admin', interval: '30s' }),
];

/** By what the compiler has to name: the field that is wrong, or missing. */
export const brokenManifests: readonly { readonly names: string; readonly manifest: Manifest }[] = [
  { names: 'imag', manifest: pod({ containers: [{ ...container, imag: 'sluice' }] }) },
  { names: 'initcontainers', manifest: pod({ containers: [container], initcontainers: [] }) },
  { names: 'containers', manifest: pod({ volumes: [] }) },
  { names: 'string', manifest: deployment({ replicas: '2' }) },
  { names: 'maxUnavailabel', manifest: deployment({ strategy: { rollingUpdate: { maxUnavailabel: 0 } } }) },
  { names: 'selector', manifest: { ...deployment({}), spec: { template: {} } } as Manifest },
  {
    names: 'readOnlyRootFileSystem',
    manifest: pod({ containers: [{ ...container, securityContext: { readOnlyRootFileSystem: true } }] }),
  },
  { names: 'path', manifest: pod({ containers: [{ ...container, readinessProbe: { path: '/readyz' } }] }) },
  { names: 'number', manifest: pod({ containers: [{ ...container, env: [{ name: 'A', value: 1 }] }] }) },
  { names: 'null', manifest: pod({ containers: [container], volumes: null }) },
  {
    names: 'secretname',
    manifest: pod({ containers: [container], volumes: [{ name: 'v', secret: { secretname: 's' } }] }),
  },
  {
    names: 'lables',
    manifest: { ...pod({ containers: [container] }), metadata: { name: 'p', lables: {} } } as Manifest,
  },
  { names: 'matchLabel', manifest: deployment({ selector: { matchLabel: { app: 'a' } } }) },
  { names: 'intervall', manifest: monitor({ port: 'admin', intervall: '30s' }) },
  { names: 'number', manifest: monitor({ port: 7490 }) },
  {
    names: 'string',
    manifest: { apiVersion: 'v1', kind: 'ConfigMap', data: { 'proxy.yaml': { listen: 'x' } } } as Manifest,
  },
  {
    names: 'IServicePort',
    manifest: { apiVersion: 'v1', kind: 'Service', spec: { ports: { name: 'http', port: 1 } } } as Manifest,
  },
];
