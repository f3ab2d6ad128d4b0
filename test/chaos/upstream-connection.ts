/** One connection to the fake upstream: reads its requests, finds the script of each by its path, and has it played. */
import type { Socket } from 'node:net';
import type { Board, Exchange, UpstreamRecord } from './exchange.ts';
import { field, type Head, MessageReader } from './message-reader.ts';
import { whole } from './outcome.ts';
import { patternBytes } from './pattern.ts';
import { play } from './play.ts';
import { playWebsocket } from './play-websocket.ts';
import { indexOf } from './script.ts';

/** One request and its connection, for the one who plays its script. */
export interface Turn {
  readonly exchange: Exchange;
  readonly record: UpstreamRecord;
  readonly socket: Socket;
  /** Resolves once the request is whole; never when it is cut. */
  readonly whole: Promise<void>;
  /** What comes on an upgraded connection. */
  onRaw: ((bytes: Buffer) => void) | undefined;
}

/** See the module. */
export class UpstreamConnection {
  readonly socket: Socket;
  readonly #board: Board;
  readonly #number: number;
  #position = 0;
  #reader: MessageReader | undefined;
  #turn: Turn | undefined;
  #bodyDone: (() => void) | undefined;

  constructor(board: Board, socket: Socket, number: number) {
    this.#board = board;
    this.#number = number;
    this.socket = socket;
    socket.on('data', (bytes) => this.#read(bytes));
    socket.on('end', () => {
      this.#closed();
      socket.end();
    });
    socket.on('close', () => this.#closed());
  }

  /** Whether nothing is under way on it. */
  get idle(): boolean {
    return this.#turn === undefined || this.#turn.record.finished;
  }

  toString(): string {
    const { exchange, record } = this.#turn ?? {};
    const turn =
      record === undefined ? 'no request' : JSON.stringify({ ...record, wire: undefined, head: record.head.startLine });
    const { readableEnded, writableFinished, readyState } = this.socket;
    const state = JSON.stringify({ readableEnded, writableFinished, readyState, paused: this.socket.isPaused() });
    return `open: connection ${this.#number} after ${this.#position} requests, ${state}, ${exchange?.script.fault.kind}: ${turn}`;
  }

  #read(bytes: Buffer): void {
    let rest: Buffer | undefined = bytes;
    while (rest !== undefined && rest.length > 0) {
      if (this.#turn?.onRaw !== undefined) {
        this.#turn.onRaw(rest);
        return;
      }
      this.#reader ??= new MessageReader({
        head: (head) => this.#begin(head),
        body: (chunk) => this.#body(chunk),
        end: () => this.#whole(),
      });
      rest = this.#reader.push(rest);
      if (this.#reader.state === 'broken') {
        this.#board.complain(this.#turn?.exchange, `the upstream got broken framing: ${this.#reader.problem}`);
        this.socket.destroy();
        return;
      }
      if (rest !== undefined) this.#reader = undefined;
    }
  }

  #begin(head: Head): number | 'chunked' {
    const [method = '', target = ''] = head.startLine.split(' ');
    const index = indexOf(target);
    const exchange = this.#board.exchanges.get(index);
    const framing = /chunked/i.test(field(head, 'transfer-encoding') ?? '')
      ? 'chunked'
      : Number(field(head, 'content-length') ?? 0);
    if (exchange === undefined || exchange.script.request.method !== method) {
      this.#board.complain(exchange, `the upstream got a request that nobody is waiting for: ${head.startLine}`);
      this.socket.destroy();
      return framing;
    }
    if (this.#turn !== undefined && !whole(this.#turn.record) && this.#turn.record.closedAt === undefined) {
      this.#board.complain(exchange, 'a request came before the response of the one before it was sent');
    }
    this.#turn = this.#newTurn(exchange, head);
    const websocket = exchange.script.kind === 'websocket';
    (websocket ? playWebsocket(this.#turn) : play(this.#turn)).catch((error: unknown) => {
      this.#board.complain(exchange, `the harness failed: ${error instanceof Error ? error.stack : String(error)}`);
    });
    return framing;
  }

  #newTurn(exchange: Exchange, head: Head): Turn {
    const record: UpstreamRecord = {
      number: exchange.attempts.length,
      connection: this.#number,
      position: this.#position++,
      head,
      startedAt: performance.now(),
      received: 0,
      mismatch: false,
      bodyComplete: false,
      wire: undefined,
      sent: 0,
      finished: false,
      finishedAt: 0,
      struckAt: undefined,
      closedAt: undefined,
    };
    exchange.attempts.push(record);
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#bodyDone = resolve;
    return { exchange, record, socket: this.socket, whole: promise, onRaw: undefined };
  }

  #body(chunk: Buffer): void {
    if (this.#turn === undefined) return;
    const { record, exchange } = this.#turn;
    const { index, request } = exchange.script;
    const expected = patternBytes(2 * index, request.bytes).subarray(record.received, record.received + chunk.length);
    if (!expected.equals(chunk)) record.mismatch = true;
    record.received += chunk.length;
  }

  #whole(): void {
    if (this.#turn !== undefined) this.#turn.record.bodyComplete = true;
    this.#bodyDone?.();
  }

  #closed(): void {
    if (this.#turn !== undefined) this.#turn.record.closedAt ??= performance.now();
  }
}
