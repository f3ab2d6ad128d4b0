/** What Node's parser reads from the bytes of one case, as a bound on what Sluice may forward. */
import { expectedTarget } from './expected-target.ts';
import type { Reading, ReadRequest } from './node-reader.ts';
import type { StrictRequest } from './strict-reader.ts';

/** The route of the Sluice under test. */
export const route = '/openai';

/** Follows one case; the methods return what is wrong, or undefined. */
export class Expectation {
  readonly index: number;
  readonly reading: Reading;
  /** Requests that must be answered: whole ones. */
  readonly answers: number;
  /** What the upstream may still read. */
  readonly #left: string[];
  /** What it has read, by id. */
  readonly #seen = new Map<string, string>();
  readonly #allowed: (string | undefined)[];
  #issued = 0;

  constructor(index: number, reading: Reading) {
    this.index = index;
    this.reading = reading;
    this.answers = reading.requests.filter(({ complete }) => complete).length;
    this.#allowed = reading.requests.map(allowed);
    this.#left = this.#allowed.filter((one) => one !== undefined);
  }

  /** The next id for an exchange. */
  nextId(): string {
    this.#issued++;
    return `${this.index}-${this.#issued}`;
  }

  /** Whether every whole request must be answered, unless an answer says that it is the last. */
  get servesOn(): boolean {
    const { error, tunnel, requests } = this.reading;
    // PRI is HTTP/2's: Node closes the connection without a word.
    return error === undefined && tunnel === undefined && requests.every(({ method }) => method !== 'PRI');
  }

  /** More exchanges than requests that Node's parser saw begin? */
  begun(): string | undefined {
    const begun = this.reading.requests.length;
    return this.#issued > begun ? `${this.#issued} exchanges where Node's parser reads ${begun} requests` : undefined;
  }

  /** A whole request has reached the upstream. */
  arrived(id: string, request: StrictRequest): string | undefined {
    const what = nameOf(request.method, request.target, request.body);
    if (this.#seen.has(id)) return `${id} reached the upstream twice`;
    this.#seen.set(id, what);
    const at = this.#left.indexOf(what);
    if (at < 0) return `the upstream read ${JSON.stringify(what)}; left to forward was ${JSON.stringify(this.#left)}`;
    this.#left.splice(at, 1);
    return undefined;
  }

  /** What followed an upgrade. */
  tunnelled(bytes: string): string | undefined {
    if (this.reading.tunnel?.startsWith(bytes) === true) return undefined;
    return `${JSON.stringify(bytes)} was tunnelled, the client sent ${JSON.stringify(this.reading.tunnel)}`;
  }

  /** The ids of the client's answers in order, undefined for those of Sluice itself. */
  answered(ids: readonly (string | undefined)[]): string | undefined {
    for (const [position, id] of ids.entries()) {
      if (id === undefined) continue;
      const forwarded = this.#seen.get(id.replace(/-\d+$/, ''));
      if (forwarded === undefined) return `answer ${position} is that of ${id}, which the client did not ask`;
      if (forwarded !== this.#allowed[position]) {
        return `answer ${position} is that of ${JSON.stringify(forwarded)}, asked was ${JSON.stringify(this.#allowed[position])}`;
      }
    }
    return undefined;
  }
}

/** Undefined for what must not go on whole. */
function allowed(request: ReadRequest): string | undefined {
  if (!request.complete || request.kind === 'connect' || request.method === 'TRACE') return undefined;
  // RFC 9112 §3.2; and a coding that is taken off must not be one that the body still has.
  if (request.hosts > 1 || (request.hosts === 0 && request.version === '1.1')) return undefined;
  if (request.coding !== undefined && request.coding.trim().toLowerCase() !== 'chunked') return undefined;
  const target = expectedTarget(request.url, route);
  return target === undefined ? undefined : nameOf(request.method, target, request.body);
}

function nameOf(method: string, target: string, body: string): string {
  return `${method} ${target}\n${body}`;
}
