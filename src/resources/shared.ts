/**
 * Things that outlive a reload: made on first use, shared by key, closed when the last user has let go. A new pipeline
 * takes hold before the old one lets go, so that an unchanged upstream keeps its connections over a reload.
 */

/** A thing that can be closed. */
export interface Closable {
  close(): void | Promise<void>;
}

/** A reference-counted set of things by key. */
export class Shared<T extends Closable> {
  readonly #held = new Map<string, { value: T; users: number }>();

  /** Takes hold of the thing of that key, made by `make` when nobody holds it yet. */
  acquire(key: string, make: () => T): T {
    const held = this.#held.get(key);
    if (held !== undefined) {
      held.users++;
      return held.value;
    }
    const value = make();
    this.#held.set(key, { value, users: 1 });
    return value;
  }

  /** Lets go; the last one closes it. */
  async release(key: string): Promise<void> {
    const held = this.#held.get(key);
    if (held === undefined || --held.users > 0) return;
    this.#held.delete(key);
    await held.value.close();
  }

  /** What is held now. */
  values(): T[] {
    return [...this.#held.values()].map((held) => held.value);
  }
}
