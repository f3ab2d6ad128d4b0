import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { type Container, only, podOf, prepareCharts, type Rendered, sluiceContainers } from './charts.ts';

const charts = prepareCharts();
after(() => charts.remove());

const rendered = charts.valuesFiles.map((values) => ({
  values,
  manifests: charts.render(values.split('/')[0] ?? '', '-f', values),
}));
const pods = rendered.flatMap(({ values, manifests }) =>
  manifests.flatMap((manifest) => {
    const pod = podOf(manifest);
    return pod === undefined ? [] : [{ where: `${values}, ${manifest.kind} ${manifest.metadata.name}`, pod }];
  }),
);
const sidecarOf = (manifests: readonly Rendered[]): Container => {
  const [sluice] = sluiceContainers(podOf(only(manifests, 'Deployment')) ?? { containers: [] });
  assert.ok(sluice);
  return sluice;
};
const example = (values: string) => charts.render('example-game', '-f', `example-game/ci/${values}-values.yaml`);
const gateway = (...args: string[]) => charts.render('sluice', '--set', 'gateway.enabled=true', ...args);

test('every container of Sluice is confined as the restricted Pod Security standard asks, and more', () => {
  assert.ok(pods.length > rendered.length);
  for (const { where, pod } of pods) {
    assert.ok(sluiceContainers(pod).length > 0, where);
    for (const container of sluiceContainers(pod)) {
      assert.deepEqual(
        container.securityContext,
        {
          allowPrivilegeEscalation: false,
          capabilities: { drop: ['ALL'] },
          readOnlyRootFilesystem: true,
          runAsNonRoot: true,
          runAsUser: 65532,
          runAsGroup: 65532,
          seccompProfile: { type: 'RuntimeDefault' },
        },
        where,
      );
    }
  }
});

test('what a container mounts is a volume of its pod, every volume is mounted, and /tmp can be written', () => {
  for (const { where, pod } of pods) {
    const volumes = (pod.volumes ?? []).map(({ name }) => name).sort();
    for (const { volumeMounts = [] } of sluiceContainers(pod)) {
      assert.deepEqual(volumeMounts.map(({ name }) => name).sort(), volumes, where);
      const writable = volumeMounts.filter(({ readOnly }) => readOnly !== true).map(({ mountPath }) => mountPath);
      assert.deepEqual(writable, ['/tmp'], where);
    }
  }
});

test('the probes go to the admin port by its name, at the address of the pod', () => {
  for (const { manifests } of rendered.filter(({ manifests }) => manifests.some(({ kind }) => kind === 'Deployment'))) {
    const { startupProbe, readinessProbe, livenessProbe, ports = [], env = [] } = sidecarOf(manifests);
    const probed = [startupProbe, readinessProbe, livenessProbe].map((probe) => probe?.httpGet);
    assert.deepEqual(probed, [
      { path: '/startupz', port: 'sluice-admin' },
      { path: '/readyz', port: 'sluice-admin' },
      { path: '/livez', port: 'sluice-admin' },
    ]);
    assert.equal(ports.find(({ name }) => name === 'sluice-admin')?.containerPort, 7490);
    // [::] takes IPv4 too.
    assert.equal(env.find(({ name }) => name === 'SLUICE_ADMIN')?.value, '[::]:7490');
  }
});

test('Service, budget, network policy and Deployment mean the same pods, and no others of the chart', () => {
  const manifests = gateway('--set', 'gateway.networkPolicy.enabled=true');
  const labels = only(manifests, 'Deployment').spec?.template?.metadata.labels ?? {};
  const selectors = ['Deployment', 'PodDisruptionBudget', 'Service', 'NetworkPolicy'].map((kind) => {
    const { selector, podSelector } = only(manifests, kind).spec ?? {};
    // A Service's selector is the labels themselves.
    return podSelector?.matchLabels ?? selector?.matchLabels ?? selector;
  });
  for (const selector of selectors) {
    assert.deepEqual(selector, selectors[0]);
    assert.ok(Object.entries(selector ?? {}).every(([name, value]) => labels[name] === value));
  }
  const test = only(manifests, 'Pod').metadata.labels ?? {};
  assert.ok(Object.entries(selectors[0] ?? {}).some(([name, value]) => test[name] !== value));
});

test('a PodMonitor means the pods with the labels of the template, the gateway and those of other charts', () => {
  for (const manifests of [example('observed'), gateway('--set', 'podMonitor.enabled=true')]) {
    const wanted = only(manifests, 'PodMonitor').spec?.selector?.matchLabels ?? {};
    const labels = only(manifests, 'Deployment').spec?.template?.metadata.labels ?? {};
    assert.deepEqual(Object.keys(wanted), ['sluice/instance']);
    assert.equal(labels['sluice/instance'], wanted['sluice/instance']);
  }
});

test('the native sidecar starts first and has no preStop hook; of old clusters the chart says what to set', () => {
  const pod = podOf(only(example('native-sidecar'), 'Deployment'));
  assert.deepEqual(
    pod?.initContainers?.map(({ name, restartPolicy }) => [name, restartPolicy]),
    [['sluice', 'Always']],
  );
  assert.equal(pod?.initContainers?.[0]?.lifecycle, undefined);
  assert.deepEqual(
    pod?.containers.map(({ name }) => name),
    ['game'],
  );
  assert.throws(
    () => charts.render('example-game', '--kube-version', '1.28.9'),
    /no native sidecars; set legacy: true/,
  );
});

test('the legacy container stands beside the game, and its preStop hook keeps it serving', () => {
  const legacy = charts.render('example-game', '-f', 'example-game/ci/legacy-values.yaml', '--kube-version', '1.27.0');
  const pod = podOf(only(legacy, 'Deployment'));
  assert.equal(pod?.initContainers, undefined);
  assert.deepEqual(
    pod?.containers.map(({ name, restartPolicy }) => [name, restartPolicy]),
    [
      ['game', undefined],
      ['sluice', undefined],
    ],
  );
  const command = ['/nodejs/bin/node', '/app/dist/sluice.js', 'sleep', '60'];
  assert.deepEqual(pod?.containers[1]?.lifecycle, { preStop: { exec: { command } } });
});

test('the gateway lets the kubelet sleep where it can, and sleeps itself where it cannot', () => {
  const hook = (version: string) => sidecarOf(gateway('--kube-version', version)).lifecycle?.preStop;
  assert.deepEqual(hook('1.30.0'), { sleep: { seconds: 5 } });
  assert.deepEqual(hook('1.29.9')?.exec?.command.slice(-2), ['sleep', '5']);
  assert.equal(sidecarOf(gateway('--set', 'gateway.preStopSeconds=0')).lifecycle, undefined);
});

test('spans carry pod, namespace and node; every $(NAME) stands after its variable', () => {
  const env = sidecarOf(charts.render('sluice', '-f', 'sluice/ci/redis-otlp-values.yaml')).env ?? [];
  const value = (name: string) => env.find((variable) => variable.name === name)?.value;
  assert.equal(
    value('OTEL_RESOURCE_ATTRIBUTES'),
    'k8s.pod.name=$(POD_NAME),k8s.namespace.name=$(POD_NAMESPACE),k8s.node.name=$(NODE_NAME),' +
      'deployment.environment.name=production',
  );
  assert.equal(value('OTEL_SERVICE_NAME'), 'llm-gateway');
  const names = env.map(({ name }) => name);
  assert.equal(new Set(names).size, names.length);
  for (const [i, { value = '' }] of env.entries()) {
    for (const [, name = ''] of value.matchAll(/\$\((\w+)\)/g)) assert.ok(names.slice(0, i).includes(name), name);
  }
  const redis = env.find(({ name }) => name === 'REDIS_URL')?.valueFrom;
  assert.deepEqual(redis, { secretKeyRef: { name: 'redis', key: 'url' } });
});

test('nothing changes the pods when the configuration changes, if so wished', () => {
  const annotations = (...args: string[]) => only(gateway(...args), 'Deployment').spec?.template?.metadata.annotations;
  const change = ['--set', 'overlay.server.drain=25s'];
  assert.notDeepEqual(annotations(...change), annotations());
  const still = ['--set', 'rollOnConfigChange=false'];
  assert.equal(annotations(...still), undefined);
  assert.equal(annotations(...still, ...change), undefined);
});

test('running pods take a changed configuration where no new pods do, and only there', () => {
  const watches = (...args: string[]) => {
    const pod = only(gateway(...args), 'Deployment').spec?.template?.spec;
    return pod?.containers.map(({ args: given = [] }) => !given.includes('--no-watch'));
  };
  assert.deepEqual(watches('--set', 'overlay.server.drain=25s'), [false]);
  assert.deepEqual(watches('--set', 'rollOnConfigChange=false'), [true]);
  // The checksum does not see what is in it.
  assert.deepEqual(watches('--set', 'existingConfigMap.name=mine'), [true]);
});
