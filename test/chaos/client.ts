/** Plays the client's side of an exchange on a raw socket: writes its request as scripted, reads the answer, or leaves. */
import { type AddressInfo, connect, type Socket } from 'node:net';
import { ClientReader } from './client-reader.ts';
import type { Exchange } from './exchange.ts';
import { clientFrames, serverFrames } from './frames.ts';
import { patternBytes } from './pattern.ts';
import { requestHead } from './request-head.ts';
import type { Leave } from './script.ts';

/** No client waits longer than this for an answer or an end, whatever its script. */
export const boundMs = 25_000;

/** Plays one exchange. Resolves at its end with the connection, when another exchange may use it. */
export function playClient(
  exchange: Exchange,
  { address, port }: AddressInfo,
  idle: Socket | undefined,
): Promise<Socket | undefined> {
  const { promise, resolve } = Promise.withResolvers<Socket | undefined>();
  new Client(exchange, idle ?? connect({ host: address, port, allowHalfOpen: true, noDelay: true }), resolve).start();
  return promise;
}

class Client {
  readonly #exchange: Exchange;
  readonly #socket: Socket;
  readonly #done: (idle: Socket | undefined) => void;
  readonly #reader: ClientReader;
  readonly #timers = new Set<NodeJS.Timeout>();
  readonly #goOn = Promise.withResolvers<void>();
  #over = false;
  #pauses = 0;
  readonly #onData = (bytes: Buffer) => this.#read(bytes);
  readonly #onEnd = () => this.#closed('fin');
  readonly #onError = () => this.#closed('reset');
  readonly #onClose = () => this.#closed('reset');

  constructor(exchange: Exchange, socket: Socket, done: (idle: Socket | undefined) => void) {
    this.#exchange = exchange;
    this.#socket = socket;
    this.#done = done;
    this.#reader = new ClientReader(exchange);
  }

  /** Begins. Never throws. */
  start(): void {
    const socket = this.#socket;
    socket.on('data', this.#onData).on('end', this.#onEnd).on('error', this.#onError).on('close', this.#onClose);
    this.#after(boundMs, () => this.#finish('stuck'));
    this.#send().catch((error: unknown) => {
      this.#exchange.violations.push(`the harness failed: ${String(error)}`);
      this.#finish('stuck');
    });
  }

  async #send(): Promise<void> {
    const { script, client } = this.#exchange;
    const { request } = script;
    const { leave } = script.client;
    const head = requestHead(script);
    if (leave?.phase === 'head') {
      await this.#write(head.subarray(0, Math.floor(leave.share * (head.length - 1))));
      this.#leave(leave);
      return;
    }
    await this.#write(head);
    client.headSent = true;
    if (request.expect || script.kind === 'websocket') {
      await this.#goOn.promise;
      if (this.#over || (script.kind === 'websocket' && this.#reader.status !== 101)) return;
    }
    const body = script.kind === 'websocket' ? clientFrames(script) : patternBytes(2 * script.index, request.bytes);
    const leaveAt = leave?.phase === 'body' ? Math.floor(leave.share * body.length) : Number.POSITIVE_INFINITY;
    for (let piece = 1, from = 0; piece <= request.pieces && from < body.length; piece++) {
      const to = Math.min(Math.ceil((piece * body.length) / request.pieces), leaveAt);
      await this.#write(this.#framed(body.subarray(from, to)));
      if (this.#over) return;
      if (to === leaveAt && leave !== undefined) {
        this.#leave(leave);
        return;
      }
      from = to;
      if (request.pauseMs > 0) await this.#sleep(request.pauseMs);
      if (this.#over) return;
    }
    if (request.framing === 'chunked') await this.#write(Buffer.from('0\r\n\r\n'));
    client.sent = true;
    if (leave?.phase === 'sent') this.#after(leave.afterMs, () => this.#leave(leave));
    this.#mayFinish();
  }

  #framed(bytes: Buffer): Buffer {
    if (this.#exchange.script.request.framing !== 'chunked' || bytes.length === 0) return bytes;
    return Buffer.concat([Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes, Buffer.from('\r\n')]);
  }

  #write(bytes: Buffer): Promise<void> {
    if (this.#over || this.#socket.destroyed || bytes.length === 0) return Promise.resolve();
    return new Promise((resolve) => this.#socket.write(bytes, () => resolve()));
  }

  #read(bytes: Buffer): void {
    if (this.#over) return;
    this.#reader.push(bytes);
    if (this.#reader.status !== 0 || this.#exchange.client.interim > 0) this.#goOn.resolve();
    const { leave, readPauseMs, readPauses } = this.#exchange.script.client;
    const wanted = this.#wanted;
    if (
      leave?.phase === 'response' &&
      this.#exchange.client.matched >= leave.share * wanted &&
      this.#reader.status !== 0
    ) {
      if (!this.#reader.complete) this.#leave(leave);
    }
    this.#mayFinish();
    if (this.#over || this.#pauses >= readPauses) return;
    this.#pauses++;
    this.#socket.pause();
    this.#after(readPauseMs, () => this.#socket.resume());
  }

  /** How much body there would be. */
  get #wanted(): number {
    const { script } = this.#exchange;
    return script.kind === 'websocket' ? serverFrames(script).length : this.#reader.expected.length;
  }

  /** The response is whole: a client that is still sending stops, or goes on to the end of its request. */
  #mayFinish(): void {
    const { script, client } = this.#exchange;
    if (this.#over || !this.#reader.complete) return;
    if (client.sent || script.fault.form % 2 === 0 || this.#reader.closing) this.#finish('complete');
  }

  #leave({ by }: Leave): void {
    if (this.#over) return;
    const { client } = this.#exchange;
    client.leftAt = performance.now();
    if (by === 'half') {
      this.#socket.end();
      return;
    }
    if (by === 'rst') this.#socket.resetAndDestroy();
    else this.#socket.destroy();
    this.#finish('left');
  }

  #closed(by: 'fin' | 'reset'): void {
    const { client } = this.#exchange;
    client.closedBy ??= by;
    if (by === 'fin' && this.#reader.endsWithConnection) this.#finish('complete');
    else if (this.#reader.complete) this.#finish('complete');
    else this.#finish(client.leftAt === undefined ? 'closed' : 'left');
  }

  #finish(terminal: 'complete' | 'closed' | 'left' | 'stuck'): void {
    if (this.#over) return;
    this.#over = true;
    const { client, script } = this.#exchange;
    client.terminal = terminal;
    client.endedAt = performance.now();
    for (const timer of this.#timers) clearTimeout(timer);
    this.#goOn.resolve();
    const socket = this.#socket;
    socket.off('data', this.#onData).off('end', this.#onEnd).off('error', this.#onError).off('close', this.#onClose);
    const usable =
      terminal === 'complete' &&
      client.sent &&
      client.closedBy === undefined &&
      client.leftAt === undefined &&
      script.kind === 'http' &&
      !this.#reader.closing;
    if (usable) {
      socket.resume();
      this.#done(socket);
      return;
    }
    socket.on('error', () => undefined);
    socket.destroy();
    this.#done(undefined);
  }

  #after(milliseconds: number, action: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      action();
    }, milliseconds);
    this.#timers.add(timer);
  }

  /** Also over when the exchange is. */
  #sleep(milliseconds: number): Promise<void> {
    return new Promise((resolve) => setTimeout(resolve, milliseconds));
  }
}
