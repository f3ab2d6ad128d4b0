/**
 * Requests of one client connection, one after the other: pipelined ones wait until those before them are answered, so that
 * a connection cannot run any number of exchanges, whose answers would lie in memory until their turn.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { declaredLength } from './body.ts';
import type { HeldBytes } from './held-bytes.ts';

/** A request that has come in. */
export interface Waiting {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  /** How it came: as it is, with `Expect: 100-continue`, or with another expectation. */
  readonly kind: 'plain' | 'continue' | 'expectation';
  /** Whether the listener that it came to believes its trace context. */
  readonly trustsTrace: boolean;
}

/** Who serves requests. */
export interface RequestServer {
  serve(request: Waiting): void;
  /** Answers one that is too many. */
  refuse(request: Waiting): void;
}

/** Most requests that wait behind the one that is served. */
const mostWaiting = 64;
/** What Node reads of a body that nobody has asked for, in bytes. */
const readAhead = 64 * 1024;

/** See the module. */
export class ClientConnection {
  readonly #server: RequestServer;
  readonly #held: HeldBytes;
  readonly #waiting: Waiting[] = [];
  /** One for all of its responses, each of which closes once. */
  readonly #onClose = () => this.#next();
  #current: Waiting | undefined;
  /** The request that was answered last, where its body was still coming. */
  #last: IncomingMessage | undefined;
  /** Whether it has answered a request and still speaks HTTP. */
  #kept = false;
  #idleLooks = 0;
  #readThen = 0;

  /** @param held counts what waiting requests may hold of their bodies */
  constructor(server: RequestServer, held: HeldBytes) {
    this.#server = server;
    this.#held = held;
  }

  /** Whether an answer is still owed. */
  get busy(): boolean {
    return this.#current !== undefined;
  }

  /** Whether an answer to what comes in now could be told from one that is owed or has been begun. */
  get answerable(): boolean {
    const current = this.#current;
    // The rest of a request that has its answer must not get another one.
    if (current === undefined) return this.#last?.complete !== false;
    return !current.req.complete && !current.res.headersSent;
  }

  /** Whether a FIN now would look like the end of a response that has not come to it: HTTP/1.0 knows no other end of some. */
  get endsByClosing(): boolean {
    const current = this.#current;
    if (current === undefined || current.req.httpVersion !== '1.0') return false;
    const { headersSent, writableEnded, chunkedEncoding } = current.res;
    return headersSent && !writableEnded && !chunkedEncoding;
  }

  /** In how many looks in a row nothing has come since its last answer; 0 before the first one. */
  lookIdle(bytesRead: number): number {
    const still = this.#kept && this.#current === undefined && bytesRead === this.#readThen;
    this.#idleLooks = still ? this.#idleLooks + 1 : 0;
    this.#readThen = bytesRead;
    return this.#idleLooks;
  }

  /** It speaks another protocol from here on. */
  upgraded(): void {
    this.#kept = false;
  }

  /** Serves a request now, or when those before it are answered. */
  take(request: Waiting): void {
    if (this.#current === undefined) {
      this.#begin(request);
    } else if (this.#waiting.length < mostWaiting && !this.#held.full) {
      this.#waiting.push(request);
      this.#held.total += bodyAhead(request.req);
    } else {
      this.#server.refuse(request);
    }
  }

  /** The connection is gone, and what waited on it. */
  closed(): void {
    for (const { req } of this.#waiting.splice(0)) this.#held.total -= bodyAhead(req);
  }

  #begin(request: Waiting): void {
    this.#current = request;
    request.res.on('close', this.#onClose);
    // A tick later a small body, which came in the same read, lies ready: it is sent on whole and can be replayed.
    process.nextTick(serve, this.#server, request);
  }

  #next(): void {
    const answered = this.#current?.req;
    this.#last = answered?.complete === false ? answered : undefined;
    this.#current = undefined;
    this.#kept = true;
    const request = this.#waiting.shift();
    if (request !== undefined) this.#held.total -= bodyAhead(request.req);
    // Behind an answer that says `close` nothing more is a request.
    if (request?.req.socket.writable === true) this.#begin(request);
  }
}

/** Most bytes of its body that a waiting request holds in memory. */
function bodyAhead(req: IncomingMessage): number {
  return Math.min(readAhead, declaredLength(req) ?? readAhead);
}

function serve(server: RequestServer, request: Waiting): void {
  server.serve(request);
}
