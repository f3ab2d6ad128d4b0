// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these texts are YAML with references to variables.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { policies } from '../../policies/index.ts';
import { checkConfig } from '../../src/app.ts';
import { formatProblems } from '../../src/config/problems.ts';
import { resolveNames } from '../../src/config/resolve-names.ts';
import { spawnSluice, yamlFile } from '../support/spawn-sluice.ts';
import { testResolver } from '../support/test-resolver.ts';
import { loadValid } from './sample.ts';

const YAML = [
  'upstreams:',
  '  good: { url: "https://good.test/v1" }',
  '  bad: { url: "https://bad.test" }',
  '  allowed: { url: "http://bad.test", allow_private: true }',
  '  own: { url: "http://localhost:1", allow_private: true }',
  '  gone: { url: "https://gone.test" }',
  '  slow: { url: "https://slow.test" }',
  '  hidden: { url: "https://${HOST}" }',
  '  literal: { url: "https://1.1.1.1" }',
  'routes: [{ path: /, upstream: good }]',
].join('\n');

test('check says what names resolve to that requests would be refused for, in bounded time', async (t) => {
  const resolver = testResolver(t, (name) => {
    if (name === 'good.test') return ['1.1.1.1', '2606:4700::1'];
    if (name === 'slow.test') return 'never';
    return name === 'gone.test' ? { code: 'ENOTFOUND' } : ['1.1.1.1', '10.0.0.1', '::1'];
  });
  const loaded = loadValid(YAML, { HOST: 'canary.test' });
  assert.deepEqual(resolver.asked, [], 'loading asks nobody');
  const said = formatProblems(await resolveNames(loaded, {}, 200)).split('\n');
  const refused =
    'resolves to 10.0.0.1 (private), ::1 (loopback), which is not public: requests would get 502 upstream_forbidden; ' +
    'set `allow_private: true` in this upstream if that is meant';
  const look = 'look at the name, or check with --no-dns where there is no DNS';
  assert.deepEqual(said, [
    `proxy.yaml:3:15  upstreams.bad.url  warning: "bad.test" ${refused}`,
    `proxy.yaml:6:16  upstreams.gone.url  warning: "gone.test" does not resolve (ENOTFOUND) on this machine; ${look}`,
    `proxy.yaml:7:16  upstreams.slow.url  warning: "slow.test" was not resolved in time on this machine; ${look}`,
    `proxy.yaml:8:18  upstreams.hidden.url  warning: its host ${refused}`,
  ]);
  assert.deepEqual(
    [...resolver.asked].sort(),
    ['bad.test', 'canary.test', 'gone.test', 'good.test', 'localhost', 'slow.test'],
    'each name once',
  );
});

test('nobody is asked unless it is wanted', async (t) => {
  const resolver = testResolver(t, () => ['10.0.0.1']);
  const env = { HOST: 'canary.test' };
  const { warnings } = await checkConfig({ yaml: YAML, policies, env });
  assert.deepEqual([warnings, resolver.asked], [[], []]);
});

test('sluice check warns, and exits with 0; --no-dns does not look', async (t) => {
  const yaml = 'upstreams: { a: { url: "http://a.test" } }\nroutes: [{ path: /, upstream: a }]\n';
  const file = await yamlFile(yaml, { t });
  // A resolver of the process's own: no name leaves this machine.
  const resolver = `import dns from 'node:dns'; dns.lookup = (name, options, done) => done(null, [{ address: '10.0.0.1' }]);`;
  const env = { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(resolver)}` };
  const looking = spawnSluice(['check', '--config', file], env, { t });
  assert.deepEqual(await looking.exited, { code: 0, signal: null });
  assert.match(looking.stderr, /proxy\.yaml:1:24 {2}upstreams\.a\.url {2}warning: "a\.test" resolves to 10\.0\.0\.1/);
  const blind = spawnSluice(['check', '--no-dns', '--config', file], env, { t });
  assert.deepEqual(await blind.exited, { code: 0, signal: null });
  assert.equal(blind.stderr, '');
  assert.match(blind.stdout, /: ok, 1 routes/);
});
