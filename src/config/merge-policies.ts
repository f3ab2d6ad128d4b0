/**
 * The merge of `policies`. An entry of an overlay whose id exists is merged into that entry; any other is appended.
 * `before: <id>` puts it in front of another one.
 */
import { interpolateScalar, type Variables } from './interpolate.ts';
import { mergeMaps, withKey, withoutKey } from './merge-nodes.ts';
import { childPointer } from './pointer.ts';
import { problemAt, type Report } from './problems.ts';
import { listNames } from './quote.ts';
import { didYouMean } from './suggest.ts';
import { type ConfigNode, keyLocation, type ListNode, type MapNode, type ScalarNode } from './tree.ts';

/** What merging needs besides the trees. */
export interface MergeContext {
  readonly env: Variables;
  readonly report: Report;
}

/** Most entries; searching them by id is quadratic. */
const MAX_POLICIES = 1000;

/** Prepares one file's list: variables in ids are put in, ids are unique, and only overlays say `before`. */
export function readPolicies(list: ListNode, layer: 'base' | 'overlay', { env, report }: MergeContext): ListNode {
  const seen = new Map<string, ScalarNode>();
  if (list.items.length > MAX_POLICIES) {
    report(problemAt(list.at, '/policies', `must be a list of at most ${MAX_POLICIES} entries`));
  }
  const items = list.items.slice(0, MAX_POLICIES).map((item, i) => {
    if (item.kind !== 'map') return item;
    const pointer = `/policies/${i}`;
    let entry: MapNode = item;
    for (const key of ['policy', 'id', 'before']) {
      const found = entry.entries.get(key);
      if (found?.value.kind !== 'scalar') continue;
      const value = interpolateScalar(found.value, childPointer(pointer, key), env, report);
      entry = withKey(entry, key, { ...found, value });
    }
    const named = idOf(entry);
    const id = textOf(named);
    if (named !== undefined && id !== undefined) {
      const earlier = seen.get(id);
      if (earlier === undefined) seen.set(id, named);
      else report(problemAt(named.at, childPointer(pointer, 'id'), sameId(earlier)));
    }
    if (layer === 'base' && entry.entries.has('before')) {
      const message = 'is only for overlays, i.e. the second and later files; here the order of the list counts';
      report(problemAt(keyLocation(entry, 'before'), childPointer(pointer, 'before'), message));
      entry = withoutKey(entry, 'before');
    }
    return entry;
  });
  return { ...list, items };
}

function sameId({ at }: ScalarNode): string {
  return `has the same id as the entry at ${at.file}:${at.line}:${at.column}; give one of them another \`id\``;
}

/** Merges an overlay's prepared list into the list below it. */
export function overlayPolicies(base: ListNode, overlay: ListNode, { report }: MergeContext): ListNode {
  const items: ConfigNode[] = [...base.items];
  const moves: { readonly id: string; readonly before: ScalarNode; readonly pointer: string }[] = [];
  for (const [i, item] of overlay.items.entries()) {
    const pointer = `/policies/${i}`;
    if (item.kind !== 'map') {
      items.push(item);
      continue;
    }
    const entry = withoutKey(item, 'before');
    const named = idOf(entry);
    const id = textOf(named);
    const index = id === undefined ? -1 : indexOf(items, id);
    const below = items[index];
    if (below?.kind === 'map') {
      const fault = otherPolicy(below, entry);
      if (fault !== undefined) report(problemAt(fault.at, childPointer(pointer, 'policy'), fault.message));
      else items[index] = mergeMaps(below, entry);
    } else if (named !== undefined && id !== undefined && !entry.entries.has('policy')) {
      const message = `has no entry to merge into${suggest(named, items)}; a new entry needs \`policy\``;
      report(problemAt(named.at, childPointer(pointer, 'id'), message));
      continue;
    } else {
      items.push(entry);
    }
    const before = item.entries.get('before')?.value;
    if (before?.kind === 'scalar' && id !== undefined) moves.push({ id, before, pointer });
    else if (before !== undefined && before.kind !== 'scalar') {
      report(problemAt(before.at, childPointer(pointer, 'before'), 'must be the id of a policy'));
    }
  }
  for (const { id, before, pointer } of moves) {
    const from = indexOf(items, id);
    const [moved] = items.splice(from, 1);
    const target = textOf(before);
    const to = target === undefined ? -1 : indexOf(items, target);
    if (to < 0 && before.broken !== true) {
      const message = `must be the id of another policy${suggest(before, items)}`;
      report(problemAt(before.at, childPointer(pointer, 'before'), message));
    }
    if (moved !== undefined) items.splice(to < 0 ? from : to, 0, moved);
  }
  return { ...base, items };
}

/** An overlay may change an entry's options, not what it is: the options of one policy mean nothing to another. */
function otherPolicy(below: MapNode, entry: MapNode): { at: ConfigNode['at']; message: string } | undefined {
  const was = below.entries.get('policy')?.value;
  const now = entry.entries.get('policy')?.value;
  if (was === undefined || now === undefined || textOf(was) === textOf(now)) return undefined;
  const { file, line, column } = was.at;
  return { at: now.at, message: `differs from the policy of that id at ${file}:${line}:${column}; use another \`id\`` };
}

/** Where an entry's id is written: at `id`, else at `policy`. */
function idOf(entry: MapNode): ScalarNode | undefined {
  const node = (entry.entries.get('id') ?? entry.entries.get('policy'))?.value;
  return node?.kind === 'scalar' ? node : undefined;
}

function textOf(node: ConfigNode | undefined): string | undefined {
  return node?.kind === 'scalar' && typeof node.value === 'string' ? node.value : undefined;
}

function indexOf(items: readonly ConfigNode[], id: string): number {
  return items.findIndex((item) => item.kind === 'map' && textOf(idOf(item)) === id);
}

function suggest(typed: ScalarNode, items: readonly ConfigNode[]): string {
  const ids = items.flatMap((item) => (item.kind === 'map' ? (textOf(idOf(item)) ?? []) : []));
  const shown = typed.from === undefined ? didYouMean(textOf(typed) ?? '', ids) : '';
  return `${shown}${ids.length === 0 ? '' : `; ids: ${listNames(ids)}`}`;
}
