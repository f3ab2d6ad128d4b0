/** What is known of one key, whatever pipeline uses it: which value it has now, whether it rests or is taken out. */

/** A rest, whatever the provider says: less is a busy loop, more keeps a key idle for a header's whim. */
const restMs = { least: 100, most: 300_000, untold: 5_000 };
/** After so long a key that was taken out is tried again: an outage of the provider's sign-in must not end it for good. */
const outMs = 300_000;
/** One request at a time tries such a key; another one after so long, should the first never say. */
const trialMs = 30_000;
/** What was told of a key's limits so long ago says nothing any more: they are counted by the minute. */
const roomMs = 60_000;

/** What a key may be made of (RFC 9110 §5.5, no white space). */
const legal = /^[\x21-\x7e]+$/;

/** As `sluice_key_state` shows it: usable, resting, taken out. */
export type Standing = 1 | 0 | -1;

/** See the module. It belongs to a policy's id and an upstream and outlives reloads. Times are of the caller's clock. */
export class KeyState {
  /** Counts the values that the key has had, from 1; 0 before the first. What is known belongs to one generation. */
  generation = 0;
  /** How often the present generation was set on an attempt. */
  uses = 0;
  #value: string | undefined;
  #present = false;
  #legal = false;
  #restsUntil = 0;
  #out = false;
  /** When a key that is out may be tried. */
  #trialAt = 0;
  #room: number | undefined;
  #toldAt = 0;
  /** When the provider took the present generation last. */
  #acceptedAt: number | undefined;

  /** Takes the present value; another one than before is a new generation, of which nothing bad is known. */
  adopt(value: string | undefined): void {
    this.#present = value !== undefined;
    if (value === undefined || value === this.#value) return;
    this.#value = value;
    this.#legal = legal.test(value);
    this.generation++;
    this.uses = 0;
    this.#restsUntil = 0;
    this.#out = false;
    this.#room = undefined;
    this.#acceptedAt = undefined;
  }

  /** Whether there is a value that can be sent. */
  get present(): boolean {
    return this.#present && this.#legal;
  }

  /** Whether there is a value that no header can carry. */
  get illegal(): boolean {
    return this.#present && !this.#legal;
  }

  get out(): boolean {
    return this.#out;
  }

  /** Whether it is present, does not rest and is not taken out, or is due for a trial. */
  usable(now: number): boolean {
    return this.present && now >= this.usableAt;
  }

  /** When it may be used again. */
  get usableAt(): number {
    return this.#out ? this.#trialAt : this.#restsUntil;
  }

  standing(now: number): Standing {
    if (this.#out || !this.present) return -1;
    return now < this.#restsUntil ? 0 : 1;
  }

  /** It is set on an attempt. */
  use(now: number): void {
    this.uses++;
    if (this.#out) this.#trialAt = Math.max(this.#trialAt, now + trialMs);
  }

  /** Rests for as long as it was told to, within bounds; true when it did not rest before. */
  rest(told: number | undefined, now: number): boolean {
    const wait = Math.min(restMs.most, Math.max(restMs.least, told ?? restMs.untold));
    const begins = now >= this.#restsUntil;
    this.#restsUntil = Math.max(this.#restsUntil, now + wait);
    return begins;
  }

  /** How much longer it rests, in milliseconds. */
  restLeft(now: number): number {
    return Math.max(0, this.#restsUntil - now);
  }

  /** Takes it out; true when it was not out before. */
  takeOut(now: number): boolean {
    this.#trialAt = now + outMs;
    if (this.#out) return false;
    this.#out = true;
    return true;
  }

  /** The provider has taken it; true when it was out before. */
  accepted(now: number): boolean {
    this.#acceptedAt = now;
    return this.putBack();
  }

  /** It is not out any more; true when it was. */
  putBack(): boolean {
    const was = this.#out;
    this.#out = false;
    return was;
  }

  /** When the provider took it last; undefined when it never has, or not for as long as a key is out. */
  acceptedLately(now: number): number | undefined {
    return this.#acceptedAt !== undefined && now - this.#acceptedAt < outMs ? this.#acceptedAt : undefined;
  }

  tell(room: number | undefined, now: number): void {
    if (room === undefined) return;
    this.#room = room;
    this.#toldAt = now;
  }

  /** What was told lately of its room; what is not known is room enough, so that it becomes known. */
  room(now: number): number {
    return this.#room === undefined || now - this.#toldAt > roomMs ? Number.POSITIVE_INFINITY : this.#room;
  }
}
