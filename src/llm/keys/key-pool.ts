/**
 * The keys of one upstream, as one pipeline lists them, and which of them an attempt gets. What is known of each key is in
 * its {@link KeyState}, which other pipelines share. A key that stands alone, because no other has a value, is used
 * whatever was said of it: the provider's own answers tell its clients more than a refusal in its place.
 */
import type { Secret } from '../../policy.ts';
import type { KeyState, Standing } from './key-state.ts';

/** How a pool chooses among its usable keys. */
export const picks = ['failover', 'round_robin', 'least_limited'] as const;
export type Pick = (typeof picks)[number];

/** A key as a pipeline names it. */
export class PooledKey {
  readonly label: string;
  readonly secret: Secret;
  readonly state: KeyState;
  readonly #prefix: string;
  #value: string | undefined;
  #header = '';
  #id = '';
  #idOf = 0;

  constructor(label: string, secret: Secret, state: KeyState, prefix: string) {
    this.label = label;
    this.secret = secret;
    this.state = state;
    this.#prefix = prefix;
  }

  /** Its short id: label and generation. */
  get id(): string {
    const { generation } = this.state;
    if (generation !== this.#idOf) {
      this.#idOf = generation;
      this.#id = `${this.label}.${generation}`;
    }
    return this.#id;
  }

  /** What goes into the header; of the value that was there at the last {@link refresh}. */
  get header(): string {
    return this.#header;
  }

  /** Looks at the secret. */
  refresh(): void {
    const value = this.secret.value();
    this.state.adopt(value);
    if (value === undefined || value === this.#value) return;
    this.#value = value;
    this.#header = this.#prefix + value;
  }
}

/** One use of a key, by one generation of it. */
export interface KeyUse {
  readonly key: PooledKey;
  readonly generation: number;
}

const none: readonly KeyUse[] = [];

/** See the module. */
export class KeyPool {
  readonly keys: readonly PooledKey[];
  readonly #pick: Pick;
  #last = -1;

  constructor(keys: readonly PooledKey[], pick: Pick) {
    this.keys = keys;
    this.#pick = pick;
  }

  /** The key of an attempt, which is counted as used; never one that this exchange has `tried`. */
  take(now: number, tried: readonly KeyUse[] = none): PooledKey | undefined {
    const key = this.#choose(now, tried);
    if (key === undefined) return undefined;
    this.#last = this.keys.indexOf(key);
    key.state.use(now);
    return key;
  }

  /** Whether {@link take} would find one. */
  has(now: number, tried: readonly KeyUse[]): boolean {
    return this.#choose(now, tried) !== undefined;
  }

  /** Why there is none, and after how many milliseconds there will be one. */
  whyNone(now: number): { readonly kind: 'missing' } | { readonly kind: 'resting' | 'out'; readonly waitMs: number } {
    const present = this.keys.filter(({ state }) => state.present);
    if (present.length === 0) return { kind: 'missing' };
    const kind = present.every(({ state }) => state.out) ? 'out' : 'resting';
    return { kind, waitMs: Math.max(1, Math.min(...present.map(({ state }) => state.usableAt)) - now) };
  }

  /**
   * The key that stays when every one is refused: that which the provider took last, if that was lately. Who can be
   * refused for the request (an organisation or a scope that is not the key's) must not take everybody's keys out.
   */
  mainstay(now: number): PooledKey | undefined {
    let latest: PooledKey | undefined;
    let at = Number.NEGATIVE_INFINITY;
    for (const key of this.keys) {
      const accepted = key.state.present ? key.state.acceptedLately(now) : undefined;
      if (accepted === undefined || accepted <= at) continue;
      latest = key;
      at = accepted;
    }
    return latest;
  }

  /** Whether any key but this one has a value and is not taken out. */
  hasBeside(one: PooledKey): boolean {
    return this.keys.some((key) => key !== one && key.state.present && !key.state.out);
  }

  /** Whether this is the only key with a value; it is used whatever was said of it. */
  isAlone(one: PooledKey): boolean {
    return this.keys.every((key) => key === one || !key.state.present);
  }

  /** The standing of every key that has had a value. */
  standings(now: number): { readonly id: string; readonly standing: Standing; readonly uses: number }[] {
    for (const key of this.keys) key.refresh();
    return this.keys
      .filter(({ state }) => state.generation > 0)
      .map(({ id, state }) => ({ id, standing: state.standing(now), uses: state.uses }));
  }

  #choose(now: number, tried: readonly KeyUse[]): PooledKey | undefined {
    const { keys } = this;
    let chosen: PooledKey | undefined;
    let alone: PooledKey | undefined;
    let present = 0;
    // Failover begins with the first; the others behind the last one used, so that equals take turns.
    const from = this.#pick === 'failover' ? 0 : this.#last + 1;
    for (let i = 0; i < keys.length; i++) {
      const key = keys[(from + i) % keys.length] as PooledKey;
      key.refresh();
      if (!key.state.present) continue;
      present++;
      alone = key;
      if (!key.state.usable(now) || wasTried(key, tried)) continue;
      if (chosen === undefined) chosen = key;
      else if (this.#pick === 'least_limited' && key.state.room(now) > chosen.state.room(now)) chosen = key;
    }
    if (chosen !== undefined) return chosen;
    return present === 1 && alone !== undefined && !wasTried(alone, tried) ? alone : undefined;
  }
}

function wasTried(key: PooledKey, tried: readonly KeyUse[]): boolean {
  for (const use of tried) if (use.key === key && use.generation === key.state.generation) return true;
  return false;
}
