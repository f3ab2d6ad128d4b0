import assert from 'node:assert/strict';
import { test } from 'node:test';
import { data, dockerfile, text } from './repository.ts';

const proxy: { listen?: string; admin?: string } = data('proxy.yaml');
const values: { admin?: { host: string; port: number } } = data('helm/sluice/values.yaml');
const port = (address: string | undefined) => Number(/:(\d+)\}?$/.exec(address ?? '')?.[1]);

test('proxy.yaml as shipped listens on this machine only, 7480 for calls and 7490 for the admin', () => {
  assert.equal(proxy.listen, 'localhost:7480');
  assert.equal(proxy.admin, `\${SLUICE_ADMIN:-localhost:7490}`);
});

test('the image exposes the ports of proxy.yaml', () => {
  const exposed = dockerfile().find((line) => line.instruction === 'EXPOSE');
  assert.equal(exposed?.rest, `${port(proxy.listen)} ${port(proxy.admin)}`);
});

test('the chart probes the admin port that it sets, and its gateway listens where its Service sends', () => {
  assert.equal(values.admin?.port, port(proxy.admin));
  assert.equal(values.admin?.host, '[::]', 'the kubelet calls the address of the pod, IPv4 or IPv6');
  const container = text('helm/sluice/templates/_container.tpl');
  const environment = text('helm/sluice/templates/_environment.tpl');
  assert.match(environment, /name: SLUICE_ADMIN\n\s+value: \{\{ printf "%s:%d" \.Values\.admin\.host/);
  assert.match(container, /name: sluice-admin\n\s+containerPort: \{\{ int \$values\.admin\.port \}\}/);
  assert.match(container, new RegExp(`name: proxy\\n\\s+containerPort: ${port(proxy.listen)}\\n`));
  assert.match(text('helm/sluice/templates/_config.tpl'), new RegExp(`"listen" "\\[::\\]:${port(proxy.listen)}"`));
  assert.match(text('helm/sluice/templates/service.yaml'), /targetPort: proxy\n/);
});

test('chart, image and package carry one version', () => {
  const { version } = data('package.json');
  assert.equal(typeof version, 'string');
  const chart = data('helm/sluice/Chart.yaml');
  assert.equal(chart.appVersion, version);
  assert.ok(dockerfile().some((line) => line.instruction === 'ARG' && line.rest === `VERSION=${version}`));
});

test('the example depends on the chart as it is', () => {
  const [dependency] = data('helm/example-game/Chart.yaml').dependencies as { version: string }[];
  assert.equal(dependency?.version, data('helm/sluice/Chart.yaml').version);
});

test('the preStop hook of the chart starts what the image starts', () => {
  const entry = dockerfile().find((line) => line.instruction === 'ENTRYPOINT')?.rest ?? '[]';
  const command: string[] = JSON.parse(entry);
  const hook = `command: [${command[0]}, ${command.at(-1)}, sleep, `;
  assert.ok(text('helm/sluice/templates/_container.tpl').includes(hook), hook);
});

test('the chart finds proxy.yaml where the image has it', () => {
  const app = dockerfile()
    .filter((line) => line.instruction === 'WORKDIR')
    .at(-1)?.rest;
  assert.ok(text('helm/sluice/templates/_config.tpl').includes(`${app}/proxy.yaml`));
});

test('the image runs as a numeric user that is not root, the one that the chart names', () => {
  const users = dockerfile().filter((line) => line.instruction === 'USER');
  assert.equal(users.at(-1)?.rest, '65532:65532');
  assert.match(text('helm/sluice/templates/_container.tpl'), /runAsUser: 65532\n\s+runAsGroup: 65532\n/);
});
