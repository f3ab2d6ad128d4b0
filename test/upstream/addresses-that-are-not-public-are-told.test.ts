import assert from 'node:assert/strict';
import { test } from 'node:test';
import { policies } from '../../policies/index.ts';
import { loadConfigText } from '../../src/config/load.ts';
import { formatProblems } from '../../src/config/problems.ts';
import { forbiddenAddress } from '../../src/upstream/address-guard.ts';
import { addressTable, type Row } from './hostile-addresses.ts';
import { urlTable } from './hostile-urls.ts';

const casesOf = (table: readonly Row[]) =>
  table.flatMap(([verdict, texts]) => texts.map((text) => [text, verdict] as const));

/** Loads up to 80 URLs as upstreams of one configuration (it tells of 100 problems at most); what it says of each. */
function judge(urls: readonly string[], options = ''): (string | undefined)[] {
  const upstreams = urls.map((url, i) => `  u${i}: { url: ${JSON.stringify(url)}${options} }\n`);
  const yaml = `upstreams:\n${upstreams.join('')}routes: [{ path: /, upstream: u0 }]\n`;
  const loaded = loadConfigText(yaml, { policies, env: {} });
  const said = (loaded.ok ? [] : loaded.problems).map((problem) => formatProblems([problem]));
  return urls.map((_, i) => {
    const place = `proxy.yaml:${i + 2}:${i < 10 ? 14 : 15}  upstreams.u${i}.url  `;
    const found = said.filter((line) => line.includes(`upstreams.u${i}.`));
    assert.ok(
      found.every((line) => line.startsWith(place)),
      found.join(),
    );
    return found[0]?.slice(place.length);
  });
}

function judged(options = ''): { url: string; verdict: string; says: string | undefined }[] {
  const cases = casesOf(urlTable);
  const chunks = Array.from({ length: Math.ceil(cases.length / 80) }, (_, i) => cases.slice(i * 80, i * 80 + 80));
  return chunks.flatMap((chunk) => {
    const said = judge(
      chunk.map(([url]) => url),
      options,
    );
    return chunk.map(([url, verdict], i) => ({ url, verdict, says: said[i] }));
  });
}

test('each address of the special-purpose registries is refused for its own reason, its neighbours are not', () => {
  const cases = casesOf(addressTable);
  assert.ok(cases.length >= 150, String(cases.length));
  for (const [address, verdict] of cases) assert.equal(forbiddenAddress(address) ?? 'public', verdict, address);
});

test('an upstream at such an address, in whatever spelling, is an error with its place and what to do', () => {
  const cases = judged();
  assert.ok(cases.length >= 130, String(cases.length));
  for (const { url, verdict, says } of cases) {
    if (verdict === 'name' || verdict === 'public') assert.equal(says, undefined, url);
    else if (verdict === 'no URL') assert.match(says ?? '', /^must be an http:/, url);
    else {
      const right = `leads to an address that is not public (${verdict}); set \`allow_private: true\` in this upstream if that is meant`;
      assert.equal(says, right, url);
    }
  }
});

test('allow_private lets each of them be', () => {
  for (const { url, verdict, says } of judged(', allow_private: true')) {
    assert.equal(says === undefined, verdict !== 'no URL', url);
  }
});
