import type { IncomingMessage, ServerResponse } from 'node:http';

/** What became of one exchange as the provider saw it, and when (`performance.now()`). */
export interface ProviderOutcome {
  readonly kind: 'finished' | 'aborted';
  readonly at: number;
}

/** A request as it reached the fake provider, and what was sent back. */
export class RecordedRequest {
  readonly method: string;
  /** The request target as it came. */
  readonly url: string;
  /** Names and values as sent, alternating. */
  readonly rawHeaders: readonly string[];
  /** Names in lower case. */
  readonly headers: IncomingMessage['headers'];
  readonly httpVersion: string;
  /** When its head had come, in milliseconds of `performance.now()`. */
  readonly at = performance.now();
  /** The whole body; rejects when the connection ends before. */
  readonly received: Promise<Buffer>;
  /** Resolves with the time when the client left before the answer was finished; else never. */
  readonly aborted: Promise<number>;
  /** Resolves when the answer was finished or the client left. */
  readonly outcome: Promise<ProviderOutcome>;
  /** Aborted when the client leaves. */
  readonly signal: AbortSignal;
  /** Body bytes handed to the socket, one entry for each event (or one for a whole answer), and when. */
  readonly sent: { readonly bytes: Buffer; readonly at: number }[] = [];
  readonly #parts: Buffer[] = [];

  /** Begins to read the request; `response` tells how it ends. */
  constructor(request: IncomingMessage, response: ServerResponse) {
    this.method = request.method ?? '';
    this.url = request.url ?? '';
    this.rawHeaders = request.rawHeaders;
    this.headers = request.headers;
    this.httpVersion = request.httpVersion;
    const abort = new AbortController();
    this.signal = abort.signal;
    this.outcome = new Promise((resolve) => {
      response.once('close', () => {
        const kind = response.writableFinished ? 'finished' : 'aborted';
        if (kind === 'aborted') abort.abort();
        resolve({ kind, at: performance.now() });
      });
    });
    this.aborted = new Promise((resolve) => {
      this.outcome.then(({ kind, at }) => kind === 'aborted' && resolve(at)).catch(() => undefined);
    });
    this.received = new Promise((resolve, reject) => {
      request.on('data', (part: Buffer) => this.#parts.push(part));
      request.once('end', () => resolve(this.body));
      request.once('error', reject);
      request.once('close', () => reject(new Error('the connection ended in the request body')));
    });
    // Whoever does not ask for the body need not handle that it was cut.
    this.received.catch(() => undefined);
  }

  /** Body bytes received so far. */
  get body(): Buffer {
    return Buffer.concat(this.#parts);
  }

  /** The body as JSON; an empty object when it is none. */
  get json(): Readonly<Record<string, unknown>> {
    try {
      const value: unknown = JSON.parse(this.body.toString());
      return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
    } catch {
      return {};
    }
  }

  /** All body bytes sent back so far. */
  get sentBytes(): Buffer {
    return Buffer.concat(this.sent.map(({ bytes }) => bytes));
  }

  /** The values of every header line with that name in any case. */
  headerLines(name: string): string[] {
    const wanted = name.toLowerCase();
    return this.rawHeaders.filter((_, at) => at % 2 === 1 && this.rawHeaders[at - 1]?.toLowerCase() === wanted);
  }
}
