/** Lays one tree over another: maps merge key by key, everything else is replaced. Places survive. */
import type { ConfigNode, MapEntry, MapNode } from './tree.ts';

/** `over` on top of `base`. */
export function mergeNodes(base: ConfigNode, over: ConfigNode): ConfigNode {
  return base.kind === 'map' && over.kind === 'map' ? mergeMaps(base, over) : over;
}

/** {@link mergeNodes} of two maps. */
export function mergeMaps(base: MapNode, over: MapNode): MapNode {
  const entries = new Map<string, MapEntry>(base.entries);
  for (const [key, { keyAt, value }] of over.entries) {
    const below = entries.get(key);
    entries.set(key, { keyAt, value: below === undefined ? value : mergeNodes(below.value, value) });
  }
  return { ...base, entries };
}

/** A map with one key set. */
export function withKey(map: MapNode, key: string, entry: MapEntry): MapNode {
  return { ...map, entries: new Map(map.entries).set(key, entry) };
}

/** A map without one key. */
export function withoutKey(map: MapNode, key: string): MapNode {
  const entries = new Map(map.entries);
  entries.delete(key);
  return { ...map, entries };
}
