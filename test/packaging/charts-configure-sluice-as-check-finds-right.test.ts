import assert from 'node:assert/strict';
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { policies } from '../../policies/index.ts';
import { checkConfig } from '../../src/app.ts';
import { probe } from '../../src/probe.ts';
import { spawnSluice, yamlFile } from '../support/spawn-sluice.ts';
import { type Container, only, type PodSpec, podOf, prepareCharts, type Rendered, sluiceContainers } from './charts.ts';
import { root, text } from './repository.ts';

const charts = prepareCharts();
after(() => charts.remove());

/** What the user's ConfigMap holds, where the values name one. */
const existing = {
  'proxy.yaml': text('proxy.yaml'),
  'overlay.yaml': 'policies: [{ policy: request-rate, with: { limit: 7 } }]\n',
};

/** Loads what a container of a pod loads, from the files that it would find mounted. */
async function loadAs(container: Container, pod: PodSpec, manifests: readonly Rendered[], folder: string) {
  const mounted = join(charts.folder, folder);
  mkdirSync(mounted, { recursive: true });
  const sources = pod.volumes?.find(({ name }) => name === 'sluice-config')?.projected?.sources ?? [];
  for (const { configMap } of sources) {
    const made = manifests.find(({ kind, metadata }) => kind === 'ConfigMap' && metadata.name === configMap.name);
    for (const [file, content] of Object.entries(made?.data ?? existing)) {
      assert.ok(!existsSync(join(mounted, file)), `two ConfigMaps bring ${file}`);
      writeFileSync(join(mounted, file), content);
    }
  }
  const files = (container.args ?? [])
    .filter((arg) => arg.startsWith('--config='))
    .map((arg) =>
      arg
        .slice('--config='.length)
        .replace(/^\/app/, root)
        .replace(/^\/etc\/sluice/, mounted),
    );
  assert.ok(files.length > 0);
  const env = Object.fromEntries((container.env ?? []).map(({ name, value }) => [name, value ?? 'redis://redis:6379']));
  return checkConfig({ files, policies, env, resolve: false });
}

const loaded = async (values: string, ...args: string[]) => {
  const chart = values.split('/')[0] ?? '';
  const manifests = charts.render(chart, '-f', values, ...args);
  const loading = manifests.flatMap((manifest) => {
    const pod = podOf(manifest);
    const containers = pod === undefined ? [] : sluiceContainers(pod).filter(({ args = [] }) => args[0] !== 'probe');
    return containers.map((container) => ({ pod: pod ?? { containers }, container }));
  });
  return Promise.all(
    loading.map(async ({ pod, container }, i) => {
      const folder = `mounted-${i}`;
      rmSync(join(charts.folder, folder), { recursive: true, force: true });
      return loadAs(container, pod, manifests, folder);
    }),
  );
};

for (const values of charts.valuesFiles) {
  test(`what the containers of ${values} load is valid, and their admin port can be reached`, async () => {
    const configs = await loaded(values);
    assert.ok(configs.length > 0);
    for (const { config, warnings } of configs) {
      assert.deepEqual(
        warnings.map(({ message }) => message),
        [],
      );
      assert.equal(config.admin, '[::]:7490');
    }
  });
}

test('a mistake in the values is found by helm test, whose pod loads what the others load', async () => {
  const mistake = ['--set', 'overlay.server.drian=25s'];
  await assert.rejects(loaded('sluice/ci/default-values.yaml', ...mistake), /drian/);
});

test('the gateway listens for the pods of the network that it lets in; the overlay has the last word', async () => {
  const [gateway] = await loaded('sluice/ci/gateway-values.yaml');
  assert.equal(gateway?.config.listen, '[::]:7480');
  const entry = (id: string) => gateway?.config.policies.find((policy) => policy.id === id)?.with;
  assert.deepEqual((entry('ip-access') as { allow: string[] }).allow, ['10.1.0.0/16']);
  assert.equal((entry('request-rate') as { limit: number }).limit, 300);
  const [overlaid] = await loaded('sluice/ci/gateway-values.yaml', '--set', 'overlay.listen=0.0.0.0:7480');
  assert.equal(overlaid?.config.listen, '0.0.0.0:7480');
});

test('keys as files are where the Secret is mounted, for every provider of proxy.yaml as shipped', async () => {
  const [gateway] = await loaded('sluice/ci/keys-as-files-values.yaml');
  const entries = gateway?.config.policies.filter(({ policy }) => policy === 'key-injection') ?? [];
  const keys = (entry: { with?: unknown }) => (entry.with as { keys: object[] }).keys;
  const names = ['OPENAI', 'ANTHROPIC', 'OPENROUTER', 'GEMINI', 'MISTRAL'].map((name) => `${name}_API_KEY`);
  assert.deepEqual(
    entries.flatMap(keys),
    names.map((name) => ({ file: `/var/run/secrets/sluice/${name}` })),
  );
  const [shipped] = await loaded('sluice/ci/redis-otlp-values.yaml');
  const variables = shipped?.config.policies.filter(({ policy }) => policy === 'key-injection') ?? [];
  assert.deepEqual(
    variables.flatMap(keys),
    names.map((env) => ({ env })),
    'so none is forgotten',
  );
});

test('Redis and the collector are taken from the values, and there is a ConfigMap of the user', async () => {
  const [gateway] = await loaded('sluice/ci/redis-otlp-values.yaml');
  assert.equal(gateway?.config.redis.url, 'redis://redis:6379');
  assert.equal(gateway?.config.telemetry.traces.endpoint, 'http://$(NODE_IP):4318');
  const [own] = await loaded('sluice/ci/existing-values.yaml');
  const limit = own?.config.policies.find(({ id }) => id === 'request-rate')?.with as { limit: number };
  assert.equal(limit.limit, 7);
});

test('a gateway answers what helm test asks its Service', async (t) => {
  const manifests = charts.render('sluice', '-f', 'sluice/ci/gateway-values.yaml');
  const [, asking] = podOf(only(manifests, 'Pod'))?.containers ?? [];
  const [command, ...args] = asking?.args ?? [];
  const service = only(manifests, 'Service').metadata.name;
  assert.deepEqual([command, args.at(-1)], ['probe', `http://${service}:7480/`]);
  const gateway = await yamlFile(only(manifests, 'ConfigMap').data?.['gateway.yaml'] ?? '', { t });
  const ports = await yamlFile('{ listen: "localhost:0", admin: "localhost:0" }', { t });
  const files = [join(root, 'proxy.yaml'), gateway, ports].flatMap((file) => ['--config', file]);
  const { url } = await spawnSluice(files, {}, { t }).ready;
  const said: string[] = [];
  const streams = { stdout: { write: () => {} }, stderr: { write: (text: string) => said.push(text) } };
  assert.equal(await probe([...args.slice(0, -1), `${url}/`], streams), 0, said.join(''));
  assert.equal(await probe([`${url}/`], streams), 1, 'with any other status it would fail');
});
