/**
 * One WebSocket exchange: the same pipeline as HTTP, then http-proxy-3's `proxy.ws`. It is one exchange from the handshake
 * to the close of the last socket.
 */

import type { ClientRequest, IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { type Duplex, pipeline as pipe } from 'node:stream';
import { type Problem, problem } from '../errors.ts';
import { tellAttemptHooks } from '../pipeline/attempt-hooks.ts';
import { type Decision, runAttempt, runRequest } from '../pipeline/run.ts';
import type { AttemptResult, OutcomeKind } from '../policy.ts';
import { AttemptError, failureOf, failureProblem } from '../upstream/failures.ts';
import type { Forwarder, Handshake } from '../upstream/forward.ts';
import { ProtocolError } from '../upstream/http1/protocol-error.ts';
import type { HandshakeConnection, Upstream } from '../upstream/upstream.ts';
import { ClientResponse } from './client-response.ts';
import { type Arrival, Context, type Core } from './context.ts';
import { EarlyBytes } from './early-bytes.ts';
import { grouped, HandshakeAttempt, respondOn } from './handshake.ts';
import { HeaderList } from './headers.ts';
import { keepEndToEnd } from './hygiene.ts';
import { renderReply } from './reply.ts';
import { watchSocket } from './socket-watch.ts';

/** How long an upstream may take to read what the client sent last, once that has closed. */
const farewellMs = 1_000;

/** See the module. */
export class UpgradeExchange extends Context implements Handshake {
  readonly #forwarder: Forwarder;
  readonly #socket: Socket;
  readonly connection: HandshakeConnection;
  readonly #early: EarlyBytes;
  #ending: OutcomeKind = 'client_abort';
  #attempt: HandshakeAttempt | undefined;
  #request: ClientRequest | undefined;
  #peer: Duplex | undefined;
  #timers: NodeJS.Timeout[] = [];
  /** What the handshake took: no message. */
  #handshake = { read: 0, written: 0 };

  constructor(core: Core, forwarder: Forwarder, arrival: Arrival, socket: Socket, head: Buffer) {
    super(core, arrival);
    this.#forwarder = forwarder;
    this.#socket = socket;
    this.connection = arrival.route.upstream.handshake();
    this.#early = new EarlyBytes(socket, head);
    socket.on('error', () => undefined);
    socket.on('close', () => this.#closed());
  }

  /** Runs it. Never throws. */
  start(): void {
    if (this.shed()) return;
    Promise.resolve(runRequest(this.pipeline.steps, this))
      .then((decision) => decision ?? this.#prepare())
      .then((decision) => {
        if (this.over) return;
        if (decision !== undefined) this.#reply(decision, 'replied');
        else this.#shake();
      })
      .catch((error: unknown) => {
        this.log.error({ request_id: this.id, err: error }, 'a WebSocket exchange failed inside Sluice');
        this.abort(problem('internal_error', { cause: error }));
      });
  }

  bodyWanted(): void {}

  abort(reason: Problem): void {
    if (this.over) return;
    if (this.phase === 'stream') {
      this.stopped = true;
      this.blame({ reply: reason, policy: undefined });
      this.#ending = 'failed';
      this.#socket.destroy();
    } else {
      this.#reply({ reply: reason, policy: undefined }, 'replied');
    }
  }

  get runtime(): Upstream {
    return this.routed.upstream;
  }

  started(request: ClientRequest): void {
    this.#request = request;
    // http-proxy-3 joins URLs, and drops a `?` with nothing behind it.
    request.path = this.req.url ?? request.path;
    const { first_byte } = this.routed.upstream.timeouts;
    if (first_byte > 0)
      this.#after(first_byte, () => this.#timeout(new AttemptError('upstream_first_byte_timeout', 'no answer')));
    this.#boundTotal();
    request.on('upgrade', (response, peer) => this.#switched(response, peer));
    // http-proxy-3 adds its own relay for a plain answer after this event; ours, which ends honestly, takes its place.
    process.nextTick(() => {
      request.removeAllListeners('response');
      request.on('response', (response) => this.#refusedByUpstream(response));
    });
  }

  failed(error: Error): void {
    if (this.over) return;
    const failure = failureOf(error, false);
    this.#tellHooks({ kind: 'failure', failure });
    this.#attemptEnded(0, failure.code);
    const reason = failureProblem(failure, this.upstream.name);
    if (this.phase !== 'stream') {
      this.#reply({ reply: reason, policy: undefined }, 'failed');
      return;
    }
    this.truncated = 'body';
    this.blame({ reply: reason, policy: undefined });
    this.#ending = 'upstream_abort';
    this.#socket.destroy();
  }

  #prepare(): Promise<Decision | undefined> | Decision | undefined {
    if (this.over) return undefined;
    this.attempts = 1;
    this.#attempt = new HandshakeAttempt(this.routed.upstream, this.out.headers.copy());
    return runAttempt(this.pipeline.attempts, this, this.#attempt);
  }

  #shake(): void {
    const attempt = this.#attempt;
    if (attempt === undefined) return;
    this.phase = 'first_byte';
    this.observer.attemptStarted(attempt);
    const { req } = this;
    req.url = this.routed.upstream.basePath + this.out.path + this.out.query;
    const headers = grouped(attempt.headers);
    headers.connection = 'Upgrade';
    headers.upgrade = 'websocket';
    req.headers = headers;
    this.#forwarder.ws(req, this.#socket, this);
  }

  /** Runs before http-proxy-3 writes the 101: edits the headers it will write. */
  #switched(response: IncomingMessage, peer: Duplex): void {
    this.#peer = peer;
    // The relay stops reading from the client when the upstream has gone: its FIN would not be seen until the idle timeout.
    peer.once('close', () => process.nextTick(() => this.#socket.resume()));
    this.#clearTimers();
    // http-proxy-3 relays from here on.
    this.#early.giveBack();
    const headers = keepEndToEnd(new HeaderList(response.rawHeaders));
    this.observer.attemptAnswered(this.#attempt as HandshakeAttempt, 101);
    this.#tellHooks({ kind: 'response', status: 101, headers });
    this.hooks.responseStart({ status: 101, fromUpstream: true, headers });
    headers.set('x-sluice-request-id', this.id);
    const fields = grouped(headers);
    fields.connection = 'Upgrade';
    fields.upgrade = 'websocket';
    response.headers = fields;
    this.status = 101;
    this.phase = 'stream';
    this.#handshake = { read: this.#socket.bytesRead, written: this.#socket.bytesWritten };
    this.ttfbMs = performance.now() - this.startedAt;
    this.#ending = 'complete';
    this.#watch();
  }

  /** The upstream answered with something else than 101: passed on as it is. */
  #refusedByUpstream(response: IncomingMessage): void {
    if (this.over) {
      response.resume();
      return;
    }
    this.#clearTimers();
    const status = response.statusCode ?? 0;
    if (status < 200) {
      // Node reads any three digits and throws when it is to write them.
      this.failed(new ProtocolError('not an HTTP/1.1 response'));
      return;
    }
    const headers = keepEndToEnd(new HeaderList(response.rawHeaders));
    // As in UpstreamAttempt: no content can follow (RFC 9110 §8.6).
    if (status === 204) headers.delete('content-length');
    this.observer.attemptAnswered(this.#attempt as HandshakeAttempt, status);
    this.#tellHooks({ kind: 'response', status, headers });
    this.hooks.responseStart({ status, fromUpstream: true, headers });
    headers.set('x-sluice-request-id', this.id);
    this.status = status;
    this.phase = 'stream';
    this.ttfbMs = performance.now() - this.startedAt;
    this.#watch();
    const res = respondOn(this.req, this.#socket);
    res.once('finish', () => {
      if (!this.over) this.#ending = 'complete';
    });
    const client = new ClientResponse(res);
    client.writeHead(status, response.statusMessage ?? '', headers);
    client.flush();
    pipe(response, res, (error) => {
      if (error == null || this.over || this.#socket.destroyed) return;
      this.truncated = 'body';
      this.#ending = 'upstream_abort';
      this.#socket.destroy();
    });
  }

  #reply(decision: Decision, ending: OutcomeKind): void {
    this.stopped = true;
    this.#clearTimers();
    this.#giveUp();
    this.#early.stop();
    this.blame(decision);
    this.#ending = ending;
    const context = { requestId: this.id, dialect: this.dialect, policy: decision.policy };
    const rendered = renderReply(decision.reply, context);
    this.hooks.responseStart({ status: rendered.status, fromUpstream: false, headers: rendered.headers });
    this.status = rendered.status;
    this.bytesOut = rendered.body.length;
    new ClientResponse(respondOn(this.req, this.#socket)).reply(rendered, this.id);
  }

  #closed(): void {
    this.#clearTimers();
    this.#giveUp();
    if (this.#peer !== undefined) this.#farewell(this.#peer);
    if (this.phase === 'stream') {
      this.bytesOut = this.#socket.bytesWritten - this.#handshake.written;
      this.body.received = this.#socket.bytesRead - this.#handshake.read;
    }
    this.#attemptEnded(this.status, this.#ending === 'client_abort' ? 'aborted' : undefined);
    this.finish(this.#ending);
  }

  #giveUp(): void {
    this.connection.giveUp();
    this.#request?.destroy();
  }

  /** What the client sent last (a close frame) still goes out, unless the upstream does not take it. */
  #farewell(peer: Duplex): void {
    peer.end();
    const timer = setTimeout(() => peer.destroy(), this.#socket.errored === null ? farewellMs : 0);
    peer.once('close', () => clearTimeout(timer));
  }

  /** A handshake is tried once: a wish for a retry is not granted. */
  #tellHooks(result: AttemptResult): void {
    if (this.phase === 'stream') return;
    tellAttemptHooks(this.#attempt?.hooks ?? [], result, this.log, this.id);
  }

  #attemptEnded(status: number, error: Parameters<Context['observer']['attemptEnded']>[2]): void {
    const attempt = this.#attempt;
    this.#attempt = undefined;
    if (attempt !== undefined && this.#request !== undefined) this.observer.attemptEnded(attempt, status, error);
  }

  #timeout(error: AttemptError): void {
    this.#giveUp();
    this.#peer?.destroy();
    this.failed(error);
  }

  /** What is open is bounded: in all, while neither side sends, and while the client does not take what is sent. */
  #watch(): void {
    const { idle } = this.routed.upstream.timeouts;
    this.#boundTotal();
    const timer = watchSocket(this.#socket, {
      idleMs: idle,
      stallMs: this.pipeline.config.server.client_stall,
      idle: () => this.#timeout(new AttemptError('upstream_idle_timeout', `nothing sent for ${idle} ms`)),
      stalled: () => this.#stalled(),
    });
    if (timer !== undefined) this.#timers.push(timer);
  }

  #stalled(): void {
    if (this.over) return;
    this.stopped = true;
    this.blame({ reply: problem('client_stalled'), policy: undefined });
    this.#ending = 'client_abort';
    this.#peer?.destroy();
    this.#socket.destroy();
  }

  #boundTotal(): void {
    const { total } = this.routed.upstream.timeouts;
    if (total > 0)
      this.#after(total, () => this.#timeout(new AttemptError('upstream_total_timeout', `open for ${total} ms`)));
  }

  #after(milliseconds: number, action: () => void): void {
    this.#timers.push(setTimeout(action, milliseconds));
  }

  #clearTimers(): void {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers = [];
  }
}
