/**
 * The request's body. Nobody who does not need it waits for it: it is streamed upstream as it comes. While a request
 * waits (a policy, Redis, a connection) reading goes on into a bounded copy, because Node does not notice a client that
 * left while its body lies unread; the same copy is what another attempt replays.
 */
import type { IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';
import type { RequestBody } from '../policy.ts';
import { BodyStream } from './body-stream.ts';
import type { HeldBytes } from './held-bytes.ts';
import { unwatch, watch } from './reset-probe.ts';

/** What the body needs of its exchange. */
export interface BodyOwner {
  /** Called before the first read: the place to send 100 Continue. */
  bodyWanted(): void;
  /** Called once, when more than the limit has come. */
  bodyTooLarge(max: number): void;
  /** Called when a policy must see the whole body and no memory is left to hold it. */
  bodyCannotBeHeld(): void;
}

/** Bounds of one body. */
export interface BodyBounds {
  /** Kept for a replay at most. */
  readonly replay: number;
  /** Read ahead of the upstream at most. */
  readonly ahead: number;
  /** Over all exchanges. */
  readonly held: HeldBytes;
}

/** Two chunks that have so many bytes together are joined; alone, each costs some 200 bytes more than its own. */
const small = 4096;

/** Bytes that a request says its body has; undefined where it comes in chunks. */
export function declaredLength({ headers }: IncomingMessage): number | undefined {
  return headers['transfer-encoding'] === undefined ? Number(headers['content-length'] ?? 0) : undefined;
}

/** One request's body. */
export class Body implements RequestBody {
  readonly declaredLength: number | undefined;
  /** Bytes received so far. */
  received = 0;

  readonly #req: IncomingMessage;
  readonly #owner: BodyOwner;
  readonly #bounds: BodyBounds;
  #chunks: Buffer[] = [];
  /** Where the last small ones are joined. */
  #block: Buffer | undefined;
  #held = 0;
  /** Chunks before this index have gone to the current stream. */
  #cursor = 0;
  #retained = true;
  /** What still comes is read and forgotten. */
  #dropping = false;
  #complete = false;
  #listening = false;
  #most = Number.POSITIVE_INFINITY;
  #peeks: { max: number; resolve: (body: Buffer | undefined) => void }[] = [];
  #stream: BodyStream | undefined;

  constructor(req: IncomingMessage, owner: BodyOwner, bounds: BodyBounds) {
    this.#req = req;
    this.#owner = owner;
    this.#bounds = bounds;
    this.declaredLength = declaredLength(req);
    if (this.declaredLength === 0) this.#complete = true;
  }

  /** Whether every byte so far is still held, so that another attempt can send it again. */
  get replayable(): boolean {
    return this.#retained;
  }

  /** All of it, where it is here and still held. */
  get whole(): Buffer | undefined {
    return this.#complete && this.#retained && this.#held > 0 ? this.#whole() : undefined;
  }

  /** Whether the client has sent all of it. */
  get complete(): boolean {
    return this.#complete;
  }

  limit(max: number): void {
    this.#most = Math.min(this.#most, max);
    if ((this.declaredLength ?? this.received) > this.#most) this.#owner.bodyTooLarge(this.#most);
  }

  peek(max: number): Buffer | undefined | Promise<Buffer | undefined> {
    if ((this.declaredLength ?? 0) > max) return undefined;
    this.read();
    if (this.#complete) return this.#held <= max ? this.#whole() : undefined;
    if (this.#held > max) return undefined;
    return new Promise((resolve) => {
      this.#peeks.push({ max, resolve });
      this.#flow();
    });
  }

  /** Begins reading into the copy; what lies there already is taken at once. */
  read(): void {
    if (this.#complete || this.#listening) return;
    this.#owner.bodyWanted();
    const first: Buffer | null = this.#req.read();
    if (first !== null) this.#take(first);
    // Node tells of the end of a message in a later tick than of its last byte.
    if (this.received === this.declaredLength || (this.#req.complete && this.#req.readableLength === 0)) {
      this.#finish();
      return;
    }
    this.#listening = true;
    this.#req.on('data', (chunk: Buffer) => this.#take(chunk));
    this.#req.on('end', () => this.#finish());
  }

  /** What an attempt sends: nothing, the whole body where it is here already, else a stream of what is held and what comes. */
  forward(): Buffer | Readable | null {
    if (this.declaredLength === 0) return null;
    this.read();
    if (this.#complete && this.#retained) return this.#whole();
    this.#cursor = 0;
    this.#stream = new BodyStream(() => this.#feed());
    return this.#stream;
  }

  /** Ends the current stream's claim on the body, before another attempt. */
  detach(): void {
    this.#stream?.destroy();
    this.#stream = undefined;
    this.#flow();
  }

  /** Lets go of the copy: no attempt will need it any more. Goes on feeding an upload that is still running. */
  release(): void {
    this.#retained = false;
    if (this.#stream === undefined) this.discard();
    else this.#dropSent();
  }

  /** Forgets what there is and reads and forgets the rest, so that an early answer reaches a client that is still sending. */
  discard(): void {
    this.#dropping = true;
    this.#retained = false;
    this.#stream?.destroy();
    this.#stream = undefined;
    this.#dropAll();
    if (this.#complete) {
      // Its end is taken too: until then Node would hold on to the request.
      if (this.received > 0 && !this.#listening) this.#req.read();
      return;
    }
    unwatch(this.#req.socket);
    this.#req.resume();
  }

  #take(chunk: Buffer): void {
    this.received += chunk.length;
    if (this.received > this.#most) {
      this.#owner.bodyTooLarge(this.#most);
      return;
    }
    if (this.#dropping || (!this.#retained && this.#stream?.destroyed === true)) return;
    this.#chunks.push(chunk);
    this.#held += chunk.length;
    this.#bounds.held.total += chunk.length;
    if (this.#bounds.held.full) this.#retained = false;
    this.#feed();
    this.#join();
    if (this.#peeks.length > 0) this.#answerPeeks();
    this.#flow();
  }

  /** A body in chunks of one byte would cost two hundred times its bytes: small neighbours, both sent or neither, share a block. */
  #join(): void {
    const last = this.#chunks.length - 1;
    if (last < 1 || this.#cursor === last) return;
    const before = this.#chunks[last - 1] as Buffer;
    const chunk = this.#chunks[last] as Buffer;
    const length = before.length + chunk.length;
    if (length > small) return;
    if (before.buffer !== this.#block?.buffer) {
      this.#block = Buffer.allocUnsafeSlow(small);
      before.copy(this.#block);
    }
    // Behind what others may have been given of the block.
    chunk.copy(this.#block, before.length);
    this.#chunks[last - 1] = this.#block.subarray(0, length);
    this.#chunks.length = last;
    this.#cursor = Math.min(this.#cursor, last);
  }

  #finish(): void {
    this.#complete = true;
    this.#answerPeeks();
    this.#feed();
  }

  #answerPeeks(): void {
    const waiting = this.#peeks;
    this.#peeks = [];
    for (const peek of waiting) {
      if (this.#held > peek.max) peek.resolve(undefined);
      else if (this.#complete) peek.resolve(this.#whole());
      else this.#peeks.push(peek);
    }
    if (this.#peeks.length > 0 && this.#bounds.held.full) this.#owner.bodyCannotBeHeld();
  }

  /** Gives the stream what it takes. */
  #feed(): void {
    const stream = this.#stream;
    if (stream === undefined || stream.destroyed) return;
    while (this.#cursor < this.#chunks.length && stream.hungry) {
      stream.give(this.#chunks[this.#cursor] as Buffer);
      this.#cursor++;
    }
    if (this.#retained && this.#cursor > 0 && this.#held > this.#bounds.replay) this.#retained = false;
    if (!this.#retained) this.#dropSent();
    if (this.#complete && this.#cursor === this.#chunks.length) stream.finish();
    this.#flow();
  }

  #dropSent(): void {
    if (this.#cursor > 0) this.#letGo(this.#chunks.splice(0, this.#cursor));
    this.#cursor = 0;
  }

  #dropAll(): void {
    this.#cursor = this.#chunks.length;
    this.#dropSent();
  }

  #letGo(chunks: readonly Buffer[]): void {
    let bytes = 0;
    for (const chunk of chunks) bytes += chunk.length;
    this.#held -= bytes;
    this.#bounds.held.total -= bytes;
  }

  /** Holds the client back while as much is unsent as may be. */
  #flow(): void {
    if (!this.#listening || this.#complete || this.#dropping) return;
    const { replay, ahead, held } = this.#bounds;
    const peekMax = this.#peeks.reduce((most, peek) => Math.max(most, peek.max), 0);
    const unsent = this.#cursor === 0 ? this.#held : this.#unsent();
    this.#pause(unsent > Math.max(held.ahead(replay, ahead), peekMax));
  }

  #pause(pause: boolean): void {
    if (pause === this.#req.isPaused()) return;
    const { socket } = this.#req;
    if (pause) {
      this.#req.pause();
      watch(socket);
    } else {
      unwatch(socket);
      this.#req.resume();
    }
  }

  #unsent(): number {
    let bytes = 0;
    for (let i = this.#cursor; i < this.#chunks.length; i++) bytes += (this.#chunks[i] as Buffer).length;
    return bytes;
  }

  #whole(): Buffer {
    if (this.#chunks.length !== 1) this.#chunks = [Buffer.concat(this.#chunks)];
    return this.#chunks[0] as Buffer;
  }
}
