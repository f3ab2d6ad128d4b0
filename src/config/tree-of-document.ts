/** Turns a parsed YAML document into a tree with places. Aliases are expanded here, within a bound. */
import { type Alias, type Document, isAlias, isMap, isScalar, isSeq, type Node, type YAMLMap } from 'yaml';
import { childPointer } from './pointer.ts';
import { type Location, problemAt, type Report } from './problems.ts';
import { quote, quoteBriefly } from './quote.ts';
import type { ConfigNode, MapEntry } from './tree.ts';

/** Most values that the aliases of one file may expand to. */
const MAX_EXPANDED = 10_000;

/** Keys that reach an object's prototype instead of the object. */
const RESERVED = new Set(['__proto__', 'constructor', 'prototype']);

/** Says where an offset of the text is. */
export type Locate = (offset: number) => Location;

/** The tree of a document without syntax errors. Bad keys and aliases are reported and left out; undefined for a bomb. */
export function treeOf(document: Document.Parsed, locate: Locate, report: Report): ConfigNode | undefined {
  const reader = new Reader(locate, report);
  const tree = reader.read(document.contents, '', 0);
  return reader.exhausted ? undefined : tree;
}

class Reader {
  readonly #locate: Locate;
  readonly #report: Report;
  /** The latest node of each anchor, in document order: what an alias at this point means. */
  readonly #anchors = new Map<string, Node>();
  /** What each alias meant where it stands; an anchor may be given anew further down. */
  readonly #targets = new Map<Alias, Node>();
  /** Collections being read, so that an alias inside of its own anchor is noticed. */
  readonly #open = new Set<Node>();
  #expanded = 0;
  exhausted = false;

  constructor(locate: Locate, report: Report) {
    this.#locate = locate;
    this.#report = report;
  }

  /** @param aliases how many aliases lead here; 0 in the text itself. */
  read(node: unknown, pointer: string, aliases: number): ConfigNode {
    const range = (node as Node | null)?.range;
    const at = this.#locate(range?.[0] ?? 0);
    const nothing: ConfigNode = { kind: 'scalar', value: null, at, broken: true };
    if (aliases > 0 && ++this.#expanded > MAX_EXPANDED) {
      if (!this.exhausted) this.#refuse(at, pointer, `has aliases that expand to more than ${MAX_EXPANDED} values`);
      this.exhausted = true;
    }
    if (this.exhausted) return nothing;
    if (isAlias(node)) return this.#readAlias(node, at, pointer, aliases) ?? nothing;
    const anchor = isScalar(node) || isMap(node) || isSeq(node) ? node.anchor : undefined;
    if (anchor !== undefined && aliases === 0) this.#anchors.set(anchor, node as Node);
    if (node === null) return { kind: 'scalar', value: null, at };
    if (isScalar(node)) {
      const value = this.#scalar(node.value, at, pointer);
      return value === undefined ? nothing : { kind: 'scalar', value, at };
    }
    if (isSeq(node)) {
      this.#open.add(node);
      const items = node.items.map((item, i) => this.read(item, childPointer(pointer, i), aliases));
      this.#open.delete(node);
      return { kind: 'list', items, at };
    }
    if (isMap(node)) {
      this.#open.add(node);
      const entries = this.#readEntries(node, pointer, aliases);
      this.#open.delete(node);
      return { kind: 'map', entries, at };
    }
    return nothing;
  }

  #readEntries(map: YAMLMap, pointer: string, aliases: number): Map<string, MapEntry> {
    const entries = new Map<string, MapEntry>();
    for (const { key, value } of map.items) {
      // The parser made sure that every key is a scalar (`stringKeys`).
      if (!isScalar(key)) continue;
      const name = String(key.value);
      const keyAt = this.#locate(key.range?.[0] ?? map.range?.[0] ?? 0);
      const place = childPointer(pointer, name);
      const earlier = entries.get(name);
      if (RESERVED.has(name)) this.#refuse(keyAt, place, 'is a reserved name and cannot be a key');
      else if (name === '<<') this.#refuse(keyAt, place, 'is not a key of YAML 1.2; write the merged keys out');
      else if (earlier !== undefined) {
        const { line, column } = earlier.keyAt;
        this.#refuse(keyAt, place, `is given twice: already at line ${line}, column ${column}; remove one of them`);
      } else {
        const child = this.read(value, place, aliases);
        // `key:` alone has a value of no length behind it; the key is where to look.
        const isAbsent = value === null || (isScalar(value) && value.range?.[0] === value.range?.[1]);
        entries.set(name, { keyAt, value: isAbsent ? { ...child, at: keyAt } : child });
      }
    }
    return entries;
  }

  #readAlias(alias: Alias, at: Location, pointer: string, aliases: number): ConfigNode | undefined {
    const target = this.#targets.get(alias) ?? this.#anchors.get(alias.source);
    if (target === undefined) {
      const name = quoteBriefly(alias.source); // a password may begin with `*`
      this.#refuse(at, pointer, `is an alias of ${name}, but no anchor of that name stands above it`);
      return undefined;
    }
    this.#targets.set(alias, target);
    if (this.#open.has(target)) {
      this.#refuse(at, pointer, 'is an alias that contains itself');
      return undefined;
    }
    const copy = this.read(target, pointer, aliases + 1);
    // Of a text that is used twice, the use is what to look at; inside of a collection it is the text.
    return copy.kind === 'scalar' ? { ...copy, at } : copy;
  }

  #scalar(value: unknown, at: Location, pointer: string): string | number | boolean | null | undefined {
    if (value === null || typeof value === 'string' || typeof value === 'boolean') return value;
    if (typeof value === 'number') {
      if (Number.isFinite(value)) return value;
      this.#refuse(at, pointer, `must be a finite number, got ${value}`);
      return undefined;
    }
    this.#refuse(at, pointer, `has a type that is not used here: ${quote(String(value))}; put it in quotes`);
    return undefined;
  }

  #refuse(at: Location, pointer: string, message: string): void {
    this.#report(problemAt(at, pointer, message));
  }
}
