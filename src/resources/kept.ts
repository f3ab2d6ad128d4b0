/** What policies keep over reloads, see `Env.keep`. */
import { type Closable, Shared } from './shared.ts';

/** One kept thing; closes it if it can be closed. */
class Kept implements Closable {
  readonly thing: object;
  constructor(thing: object) {
    this.thing = thing;
  }
  async close(): Promise<void> {
    if ('close' in this.thing && typeof this.thing.close === 'function') await this.thing.close();
  }
}

/** The kept things of one app. */
export class KeptThings {
  readonly #things = new Shared<Kept>();

  /** Takes hold of the thing of that key, made by `make` when nobody holds it yet. */
  acquire<Thing extends object>(key: string, make: () => Thing): Thing {
    // What is under a key was made for it: keys hold the policy's name, and one policy makes one kind under one name.
    return this.#things.acquire(key, () => new Kept(make())).thing as Thing;
  }

  release(key: string): Promise<void> {
    return this.#things.release(key);
  }
}
