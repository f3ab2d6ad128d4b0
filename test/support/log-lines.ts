/** One line of the log. */
export type LogLine = Readonly<Record<string, unknown>>;

/** Collects JSON log lines; a test can wait for one instead of sleeping. It is a destination for `createApp`. */
export class LogLines {
  /** Every line so far, parsed; text that is no JSON object is kept as `{ text }`. */
  readonly lines: LogLine[] = [];
  #rest = '';
  #ended: Error | undefined;
  readonly #waiting = new Set<{
    matches: (line: LogLine) => boolean;
    found: (line: LogLine) => void;
    lost: (e: Error) => void;
  }>();

  /** Takes text with any number of lines, whole or cut. */
  write(text: string): void {
    const parts = (this.#rest + text).split('\n');
    this.#rest = parts.pop() ?? '';
    for (const part of parts) if (part !== '') this.#add(parse(part));
  }

  /** The first line that matches, past or future. Rejects, with what was logged, when the log ends without it. */
  waitFor(matches: (line: LogLine) => boolean): Promise<LogLine> {
    const present = this.lines.find(matches);
    if (present !== undefined) return Promise.resolve(present);
    if (this.#ended !== undefined) return Promise.reject(this.#ended);
    return new Promise((found, lost) => this.#waiting.add({ matches, found, lost }));
  }

  /** No more lines will come: `why` says so to those who wait. */
  end(why: string): void {
    this.#ended ??= new Error(`${why}; it had logged:\n${this.lines.map((line) => JSON.stringify(line)).join('\n')}`);
    for (const waiting of this.#waiting) waiting.lost(this.#ended);
    this.#waiting.clear();
  }

  #add(line: LogLine): void {
    this.lines.push(line);
    for (const waiting of this.#waiting) {
      if (!waiting.matches(line)) continue;
      this.#waiting.delete(waiting);
      waiting.found(line);
    }
  }
}

function parse(text: string): LogLine {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null) return value as LogLine;
  } catch {
    // Not JSON: a stack trace, or the pretty form.
  }
  return { text };
}
