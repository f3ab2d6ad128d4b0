/** What one pipeline's policies hold of the app's shared things; all of it is given back when the pipeline closes. */
import type { PolicyEntry } from '../config/schema.ts';
import type { Secret, SecretRef } from '../policy.ts';
import type { KeptThings } from '../resources/kept.ts';
import type { Secrets } from '../resources/secrets.ts';

/** See the module. */
export class Holdings {
  readonly #secrets: Secrets;
  readonly #kept: KeptThings;
  readonly #releases: (() => Promise<void>)[] = [];

  constructor(secrets: Secrets, kept: KeptThings) {
    this.#secrets = secrets;
    this.#kept = kept;
  }

  secret(ref: SecretRef): Secret {
    const secret = this.#secrets.acquire(ref);
    this.#releases.push(() => this.#secrets.release(ref));
    return secret;
  }

  /** What a shadow entry keeps is its own: it learns from what it only imagines. */
  keep<Thing extends object>({ policy, id, mode }: PolicyEntry, name: string, make: () => Thing): Thing {
    const key = JSON.stringify([policy, id, mode, name]);
    const thing = this.#kept.acquire(key, make);
    this.#releases.push(() => this.#kept.release(key));
    return thing;
  }

  async release(): Promise<void> {
    await Promise.allSettled(this.#releases.splice(0).map((release) => release()));
  }
}
