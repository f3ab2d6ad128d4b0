/** Merges the files of one configuration in their order: maps merge, lists replace, `policies` merge by id. */
import type { Variables } from './interpolate.ts';
import { mergeMaps, withKey } from './merge-nodes.ts';
import { overlayPolicies, readPolicies } from './merge-policies.ts';
import type { Report } from './problems.ts';
import type { ListNode, MapNode } from './tree.ts';

/** One tree of many. The first is the base, the others are overlays; there is at least one. */
export function mergeFiles(base: MapNode, overlays: readonly MapNode[], env: Variables, report: Report): MapNode {
  const context = { env, report };
  const below = policiesOf(base);
  let merged = base;
  if (below !== undefined) merged = withPolicies(merged, readPolicies(below, 'base', context));
  for (const overlay of overlays) {
    const lower = policiesOf(merged);
    const upper = policiesOf(overlay);
    merged = mergeMaps(merged, overlay);
    if (upper === undefined) continue;
    const read = readPolicies(upper, 'overlay', context);
    const start = lower ?? { ...upper, items: [] };
    merged = withPolicies(merged, overlayPolicies(start, read, context));
  }
  return merged;
}

function policiesOf(root: MapNode): ListNode | undefined {
  const node = root.entries.get('policies')?.value;
  return node?.kind === 'list' ? node : undefined;
}

function withPolicies(root: MapNode, policies: ListNode): MapNode {
  return withKey(root, 'policies', { keyAt: root.entries.get('policies')?.keyAt ?? root.at, value: policies });
}
