/** Header fields as a flat list of name, value, name, value … in the order sent: what Node gives and undici takes. */
import type { HeaderEditor, HeaderReader } from '../policy.ts';
import { isHeaderName, isHeaderValue } from './header-fault.ts';
import { holds } from './holds.ts';

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
    const key = name.toLowerCase();
    let value: string | undefined;
    for (let i = this.keys.indexOf(key); i >= 0; i = this.keys.indexOf(key, i + 1)) {
      const line = this.flat[2 * i + 1] ?? '';
      value = value === undefined ? line : `${value}, ${line}`;
    }
    return value;
  }

  getAll(name: string): readonly string[] {
    const key = name.toLowerCase();
    const lines: string[] = [];
    for (let i = this.keys.indexOf(key); i >= 0; i = this.keys.indexOf(key, i + 1))
      lines.push(this.flat[2 * i + 1] ?? '');
    return lines;
  }

  has(name: string): boolean {
    return this.keys.includes(name.toLowerCase());
  }

  *entries(): IterableIterator<[name: string, value: string]> {
    for (let i = 0; i < this.flat.length; i += 2) yield [this.flat[i] ?? '', this.flat[i + 1] ?? ''];
  }
}

/** A flat list that can be edited; legality is checked at the edit, so that a mistake names its policy. */
export class HeaderList extends HeaderLines implements HeaderEditor {
  set(name: string, value: string): void {
    check(name, value);
    this.put(name, name.toLowerCase(), value);
  }

  /** Like {@link set}, of a line whose legality is known. */
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
    check(name, value);
    this.#push(name, name.toLowerCase(), value);
  }

  delete(name: string): void {
    const key = name.toLowerCase();
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
  const keys = new Array<string>(flat.length >> 1);
  for (let i = 0; i < keys.length; i++) keys[i] = (flat[2 * i] ?? '').toLowerCase();
  return keys;
}

/** What was found legal first, by name: most of what is set is a constant of the configuration, on each request anew. */
const legal = new Map<string, string>();
const mostLegal = 256;

function check(name: string, value: string): void {
  const known = legal.get(name);
  if (known !== undefined && known === value) return;
  if (known === undefined && !isHeaderName(name)) {
    throw new TypeError(`"${name.slice(0, 64)}" is not a legal header name`);
  }
  if (typeof value !== 'string' || !isHeaderValue(value)) {
    throw new TypeError(`the value for the header ${name} holds characters that HTTP does not allow`);
  }
  if (known === undefined && legal.size < mostLegal) legal.set(name, value);
}
