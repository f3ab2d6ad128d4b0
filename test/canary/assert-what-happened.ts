/** That a run had in it what it is for: requests that went again with another key, callers who were known and who were not. */
import assert from 'node:assert/strict';
import type { PlaceName } from './places.ts';
import type { Scene } from './scene.ts';

/** Keys of pools were refused and limited, and the same requests went again with another one. */
export function assertKeysWereChanged({ captures, secrets }: Scene): void {
  const pools: Readonly<
    Record<string, readonly [ids: readonly string[], refused: readonly PlaceName[], good: PlaceName]>
  > = {
    'pool-a': [
      ['refused.1', 'refused.2', 'limited.1', 'good.1'],
      ['refused key of pool A', 'refused key of pool A after its swap', 'limited key of pool A'],
      'good key of pool A',
    ],
    'pool-b': [
      ['limited.1', 'limited.2', 'good.1'],
      ['limited key of pool B', 'limited key of pool B after its swap'],
      'good key of pool B',
    ],
  };
  const metrics = captures.bytes('admin /metrics').toString('latin1');
  for (const [upstream, [ids, refused, good]] of Object.entries(pools)) {
    for (const id of ids) {
      const uses = [...metrics.matchAll(/^sluice_key_uses_total\{(.*)\} (\d+)$/gm)]
        .filter(([, labels]) => labels?.includes(`upstream="${upstream}"`) && labels.includes(`key_id="${id}"`))
        .map(([, , count]) => Number(count));
      assert.ok(Math.max(0, ...uses) > 0, `uses of ${id} at ${upstream}`);
    }
    // By what the upstream has seen: one request with a key that it refused, and once more with one that it took.
    const requests = captures
      .bytes(`upstream:${upstream}`)
      .toString('latin1')
      .split(/(?=(?:GET|POST) \/v1\/)/);
    const idsOf = (place: PlaceName) =>
      requests
        .filter((head) => head.includes(secrets[place].text))
        .map((head) => /^x-request-id: (\S+)/im.exec(head)?.[1] ?? 'none');
    const taken = new Set(idsOf(good));
    for (const place of refused) {
      const again = idsOf(place).filter((id) => id !== 'none' && taken.has(id));
      assert.ok(again.length > 0, `requests that went again after the ${place}`);
    }
  }
}

/** Every way to be known led in, every wrong one did not, and players are there by their hashes. */
export function assertCallersWereKnown(log: string): void {
  const exchanges = log
    .split('\n')
    .filter((line) => line.includes('"msg":"exchange"'))
    .map((line) => JSON.parse(line) as Readonly<Record<string, unknown>>);
  const callers = ['by-bearer', 'by-x-api-key', 'by-x-goog-api-key', 'by-file', 'by-swapped-file', 'by-token'];
  for (const route of ['/callers', '/callers-passing']) {
    const there = exchanges.filter((line) => line.route === route);
    for (const caller of callers) {
      const named = there.filter(({ identity }) => String(identity).startsWith(`${caller}/#`));
      assert.ok(
        named.some(({ status }) => status === 200),
        `${caller} on ${route}`,
      );
    }
    const refused = there.filter(({ status }) => status === 401);
    assert.ok(refused.length > 20, `${refused.length} refused on ${route}`);
    assert.ok(refused.every(({ identity, attempts }) => identity === undefined && attempts === 0));
  }
  const shadow = exchanges.filter(({ route }) => route === '/callers-in-shadow');
  assert.ok(shadow.length > 20);
  assert.ok(shadow.every(({ status, identity }) => status !== 401 && /^#[\w-]{16}$/.test(String(identity))));
}
