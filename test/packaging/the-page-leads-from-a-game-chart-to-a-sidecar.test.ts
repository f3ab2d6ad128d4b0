/** What `helm/sluice/README.md` tells its reader to write and to run, written and run, as far as it goes without a cluster. */
import assert from 'node:assert/strict';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { helm } from '../support/helm.ts';
import { checkManifests } from '../support/kubernetes-types.ts';
import { manifestsOf, only, podOf } from './charts.ts';
import { root, text } from './repository.ts';

const blocks = [...text('helm/sluice/README.md').matchAll(/^```(\w+)\n(.*?)^```$/gms)].map(
  ([, language = '', content = '']) => ({ language, content }),
);
/** Command lines of helm, as arguments; those of other programs need a cluster or are tests themselves. */
const commands = blocks
  .filter(({ language }) => language === 'sh')
  .flatMap(({ content }) => content.replaceAll('\\\n', ' ').split('\n'))
  .filter((line) => line.startsWith('helm '))
  .map((line) => line.split(/\s+/).slice(1));

const folder = mkdtempSync(join(tmpdir(), 'sluice-page-'));
after(() => rmSync(folder, { recursive: true, force: true }));
const run = (...args: string[]) => {
  const result = helm(args, folder);
  assert.equal(result.status, 0, `helm ${args.join(' ')}: ${result.output}`);
  return result.stdout;
};

before(() => {
  cpSync(join(root, 'helm'), join(folder, 'helm'), { recursive: true });
  const files = blocks.flatMap(({ content }) => {
    const [, path] = /^# (my-game\/\S+)\n/.exec(content) ?? [];
    return path === undefined ? [] : [{ path, content }];
  });
  assert.deepEqual(
    files.map(({ path }) => dirname(path)),
    ['my-game', 'my-game/templates', 'my-game'],
  );
  for (const { path, content } of files) {
    mkdirSync(join(folder, 'helm', dirname(path)), { recursive: true });
    writeFileSync(join(folder, 'helm', path), content);
  }
  run('dependency', 'update', '--skip-refresh', 'helm/my-game');
});

test('the chart of the page lints, and gives a game with a sidecar that Kubernetes takes', () => {
  run('lint', '--strict', 'helm/my-game');
  const manifests = manifestsOf(run('template', 'game', 'helm/my-game'));
  assert.deepEqual(
    checkManifests(manifests).filter((problem) => problem !== ''),
    [],
  );
  const pod = podOf(only(manifests, 'Deployment'));
  assert.deepEqual(
    pod?.initContainers?.map(({ name }) => name),
    ['sluice'],
  );
  assert.equal(pod?.terminationGracePeriodSeconds, 60 + 25 + 10);
});

test('the page installs, upgrades and asks', () => {
  const verbs = new Set(commands.map(([verb]) => verb));
  assert.deepEqual([...verbs].sort(), ['dependency', 'history', 'lint', 'rollback', 'test', 'upgrade']);
});

for (const [verb = '', ...args] of commands) {
  test(`helm ${verb} ${args.join(' ')}`, () => {
    const known = run(verb, ...(verb === 'dependency' ? args.slice(0, 1) : []), '--help');
    for (const flag of args.filter((arg) => arg.startsWith('--'))) assert.match(known, new RegExp(`${flag}\\b`));
    if (verb === 'lint') run(verb, ...args);
    // What is left besides flags are a release, a chart, and values.
    const positional = args.filter((arg) => !arg.startsWith('--') && !arg.includes('='));
    if (verb !== 'upgrade') return;
    const set = args.flatMap((arg) => (/^[\w.]+=/.test(arg) ? ['--set', arg] : []));
    const manifests = manifestsOf(run('template', ...positional.slice(0, 2), ...set));
    assert.deepEqual(
      checkManifests(manifests).filter((problem) => problem !== ''),
      [],
    );
    only(manifests, 'Deployment');
  });
}
