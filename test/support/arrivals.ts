/**
 * A queue of things that happen, for tests that wait for the next one: what has arrived before it was asked for is
 * kept, so that no test needs to win a race.
 */
export class Arrivals<T> {
  readonly #values: T[] = [];
  readonly #waiting: { resolve(value: T): void; reject(error: Error): void }[] = [];
  #failure: Error | undefined;

  /** Hands the value to whoever waits longest, else keeps it. */
  push(value: T): void {
    const waiter = this.#waiting.shift();
    if (waiter === undefined) this.#values.push(value);
    else waiter.resolve(value);
  }

  /** Puts a value back to the front: what its reader has left over. */
  unshift(value: T): void {
    const waiter = this.#waiting.shift();
    if (waiter === undefined) this.#values.unshift(value);
    else waiter.resolve(value);
  }

  /** Makes every present and future wait fail once what has arrived is used up. */
  fail(error: Error): void {
    this.#failure ??= error;
    for (const waiter of this.#waiting.splice(0)) waiter.reject(this.#failure);
  }

  /** The next value, in order of arrival. Rejects after {@link fail}. */
  next(): Promise<T> {
    const value = this.#values.shift();
    if (value !== undefined) return Promise.resolve(value);
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
  }

  /** How many have arrived and not been taken. */
  get size(): number {
    return this.#values.length;
  }
}
