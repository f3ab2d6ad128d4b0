/** Where bytes went, by name: what an upstream received, what clients were answered, logs, spans, files … */

/** Everything that was captured in one run. */
export class Captures {
  readonly #parts = new Map<string, Buffer[]>();

  /** Adds bytes to a sink; what is added in one call is looked at in one piece with what came before. */
  add(sink: string, bytes: Buffer | string): void {
    const parts = this.#parts.get(sink) ?? [];
    parts.push(typeof bytes === 'string' ? Buffer.from(bytes) : bytes);
    this.#parts.set(sink, parts);
  }

  /** All names so far. */
  get sinks(): string[] {
    return [...this.#parts.keys()];
  }

  /** All bytes of a sink; none where it got none. */
  bytes(sink: string): Buffer {
    const whole = Buffer.concat(this.#parts.get(sink) ?? []);
    this.#parts.set(sink, [whole]);
    return whole;
  }
}
