/** Header fields as a flat list of name, value, name, value … in the order sent: what Node gives and takes. */
import type { HeaderEditor, HeaderReader } from '../policy.ts';
import { isHeaderValue } from './header-fault.ts';
import { legalKey, lowerCase } from './header-names.ts';
import { holds } from './holds.ts';

const none: readonly string[] = Object.freeze<string[]>([]);

/** Read-only view of a flat list. It has no editing methods at all, so that `ctx.in` cannot be changed even by a cast. */
export class HeaderLines implements HeaderReader {
  /** Name, value, name, value …; do not edit from outside. */
  readonly flat: string[];
  /** Lower-cased names; `keys[i]` belongs to `flat[2 * i]`. */
  readonly keys: string[];

  constructor(flat: string[] = [], keys?: string[]) {
    this.flat = flat;
    this.keys = keys ?? lowerNames(flat);
  }

  get(name: string): string | undefined {
    const key = lowerCase(name);
    let i = this.keys.indexOf(key);
    if (i < 0) return undefined;
    let value = this.flat[2 * i + 1] ?? '';
    for (i = this.keys.indexOf(key, i + 1); i >= 0; i = this.keys.indexOf(key, i + 1))
      value = `${value}, ${this.flat[2 * i + 1] ?? ''}`;
    return value;
  }

  getAll(name: string): readonly string[] {
    const key = lowerCase(name);
    let i = this.keys.indexOf(key);
    if (i < 0) return none;
    const lines: string[] = [];
    for (; i >= 0; i = this.keys.indexOf(key, i + 1)) lines.push(this.flat[2 * i + 1] ?? '');
    return lines;
  }

  has(name: string): boolean {
    return this.keys.includes(lowerCase(name));
  }

  *entries(): IterableIterator<[name: string, value: string]> {
    for (let i = 0; i < this.flat.length; i += 2) yield [this.flat[i] ?? '', this.flat[i + 1] ?? ''];
  }
}

/** A flat list that can be edited; legality is checked at the edit, so that a mistake names its policy. */
export class HeaderList extends HeaderLines implements HeaderEditor {
  set(name: string, value: string): void {
    this.put(name, check(name, value), value);
  }

  /** Sets a line whose legality is known; `key` is the name in lower case. */
  put(name: string, key: string, value: string): void {
    const at = this.keys.indexOf(key);
    if (at < 0) {
      this.#push(name, key, value);
      return;
    }
    this.flat[2 * at] = name;
    this.flat[2 * at + 1] = value;
    for (let i = this.keys.lastIndexOf(key); i > at; i = this.keys.lastIndexOf(key)) this.#remove(i);
  }

  append(name: string, value: string): void {
    this.#push(name, check(name, value), value);
  }

  delete(name: string): void {
    const key = lowerCase(name);
    for (let i = this.keys.indexOf(key); i >= 0; i = this.keys.indexOf(key, i)) this.#remove(i);
  }

  /** Removes every line whose value holds the text, percent-encoded too. */
  deleteHolding(text: string): void {
    for (let i = this.keys.length - 1; i >= 0; i--) if (holds(this.flat[2 * i + 1] ?? '', text)) this.#remove(i);
  }

  /** Removes every line whose lower-cased name is one of these, or of those. */
  drop(these: ReadonlySet<string>, those: ReadonlySet<string> | undefined): void {
    const { flat, keys } = this;
    let kept = 0;
    for (let i = 0; i < keys.length; i++) {
      const key = keys[i] as string;
      if (these.has(key) || those?.has(key) === true) continue;
      if (kept < i) {
        keys[kept] = key;
        flat[2 * kept] = flat[2 * i] as string;
        flat[2 * kept + 1] = flat[2 * i + 1] as string;
      }
      kept++;
    }
    keys.length = kept;
    flat.length = 2 * kept;
  }

  /** Adds a line whose legality is known. */
  add(name: string, key: string, value: string): void {
    this.#push(name, key, value);
  }

  copy(): HeaderList {
    return new HeaderList(this.flat.slice(), this.keys.slice());
  }

  #push(name: string, key: string, value: string): void {
    this.flat.push(name, value);
    this.keys.push(key);
  }

  #remove(i: number): void {
    this.flat.splice(2 * i, 2);
    this.keys.splice(i, 1);
  }
}

function lowerNames(flat: readonly string[]): string[] {
  const keys: string[] = [];
  for (let i = 0; i < flat.length; i += 2) keys.push(lowerCase(flat[i] ?? ''));
  return keys;
}

/** Throws for what HTTP does not allow; returns the name in lower case. */
function check(name: string, value: string): string {
  const key = legalKey(name);
  if (key === undefined) throw new TypeError(`"${name.slice(0, 64)}" is not a legal header name`);
  if (typeof value !== 'string' || !isHeaderValue(value)) {
    throw new TypeError(`the value for the header ${name} holds characters that HTTP does not allow`);
  }
  return key;
}
