/**
 * A configuration as a tree that remembers where each value was written. YAML is parsed into it, files are merged and
 * variables put in on it, so that every message can name the file, line and column that said it.
 */
import { childPointer, splitPointer } from './pointer.ts';
import type { Location } from './problems.ts';

/** A value with its place. */
export type ConfigNode = ScalarNode | ListNode | MapNode;

/** A text, number, boolean or nothing. */
export interface ScalarNode {
  readonly kind: 'scalar';
  readonly value: string | number | boolean | null;
  readonly at: Location;
  /** Names of the variables its text came from; such a value is never shown. Undefined: as written in the file. */
  readonly from?: readonly string[];
  /** What is wrong with it has been said; anything said of its value besides would be noise. */
  readonly broken?: true;
}

/** A list. */
export interface ListNode {
  readonly kind: 'list';
  readonly items: readonly ConfigNode[];
  readonly at: Location;
}

/** A map. */
export interface MapNode {
  readonly kind: 'map';
  readonly entries: ReadonlyMap<string, MapEntry>;
  readonly at: Location;
}

/** One key of a map with its value. */
export interface MapEntry {
  readonly keyAt: Location;
  readonly value: ConfigNode;
}

/** The value at a pointer, or the nearest one above it that exists (a default has no place of its own). */
export function nodeAt(root: ConfigNode, pointer: string): ConfigNode {
  let node = root;
  for (const segment of splitPointer(pointer)) {
    const child = childOf(node, segment);
    if (child === undefined) break;
    node = child;
  }
  return node;
}

/** A child by key or index. */
export function childOf(node: ConfigNode, segment: string): ConfigNode | undefined {
  if (node.kind === 'map') return node.entries.get(segment)?.value;
  if (node.kind === 'list' && /^\d{1,9}$/.test(segment)) return node.items[Number(segment)];
  return undefined;
}

/** Where a key of a map was written; the map's place when it has no such key. */
export function keyLocation(node: ConfigNode, key: string): Location {
  return (node.kind === 'map' ? node.entries.get(key)?.keyAt : undefined) ?? node.at;
}

/** Rebuilds a tree with its scalars replaced; collections keep their places. */
export function mapScalars(
  node: ConfigNode,
  change: (scalar: ScalarNode, pointer: string) => ScalarNode,
  pointer = '',
): ConfigNode {
  if (node.kind === 'scalar') return change(node, pointer);
  if (node.kind === 'list') {
    return { ...node, items: node.items.map((item, i) => mapScalars(item, change, childPointer(pointer, i))) };
  }
  const entries = new Map<string, MapEntry>();
  for (const [key, { keyAt, value }] of node.entries) {
    entries.set(key, { keyAt, value: mapScalars(value, change, childPointer(pointer, key)) });
  }
  return { ...node, entries };
}

/** The values alone, as a fresh copy. Keys that could reach a prototype were refused when the file was read. */
export function plainOf(node: ConfigNode): unknown {
  if (node.kind === 'scalar') return node.value;
  if (node.kind === 'list') return node.items.map(plainOf);
  return Object.fromEntries([...node.entries].map(([key, { value }]) => [key, plainOf(value)]));
}
