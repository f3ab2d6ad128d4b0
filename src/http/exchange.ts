/**
 * One HTTP exchange from its first header to its last byte: policies, attempts, the response, the end. Everything here is
 * synchronous unless a policy waits.
 */
import type { ServerResponse } from 'node:http';
import { type Failure, type Problem, type ProblemCode, problem } from '../errors.ts';
import { dialects } from '../llm/dialects.ts';
import { type Decision, runAttempt, runRequest } from '../pipeline/run.ts';
import type { OutcomeKind } from '../policy.ts';
import { type AttemptOwner, UpstreamAttempt } from '../upstream/attempt.ts';
import { failureProblem } from '../upstream/failures.ts';
import type { Forwarder } from '../upstream/forward.ts';
import { ClientResponse } from './client-response.ts';
import { type Arrival, Context, type Core } from './context.ts';
import { Drain } from './drain.ts';
import type { HeaderList } from './headers.ts';
import { spendHop } from './hygiene.ts';
import { linger } from './linger.ts';
import { isStream } from './reading.ts';
import { errorFacts, renderReply } from './reply.ts';
import { Retries } from './retries.ts';

/** Of so many chunks of an answer the delay of one is measured; not of the first one, which waits for the head. */
const delaySample = 64;

/** See the module. */
export class HttpExchange extends Context implements AttemptOwner {
  readonly #response: ClientResponse;
  readonly #res: ServerResponse;
  readonly #forwarder: Forwarder;
  readonly #retries: Retries;
  #expectsContinue: boolean;
  #attempt: UpstreamAttempt | undefined;
  #firstDispatchAt: number | undefined;
  #chunks = 0;
  #tries = 0;
  /** How the exchange ends once the client's side is closed. */
  #ending: OutcomeKind = 'complete';
  #drain: Drain | undefined;

  constructor(core: Core, forwarder: Forwarder, arrival: Arrival, res: ServerResponse, expectsContinue: boolean) {
    super(core, arrival);
    this.#forwarder = forwarder;
    this.#res = res;
    this.#response = new ClientResponse(res, this);
    this.#retries = new Retries(this.body, core.log, this.id);
    this.#expectsContinue = expectsContinue;
    res.on('close', () => this.#closed());
  }

  get stallMs(): number {
    return this.pipeline.config.server.client_stall;
  }

  /** Runs it. Never throws. */
  start(): void {
    try {
      if (this.shed()) return;
      const decision = runRequest(this.pipeline.steps, this);
      if (decision instanceof Promise) this.#await(decision, (reply) => this.#requested(reply));
      else this.#requested(decision);
    } catch (error) {
      this.#crash(error);
    }
  }

  bodyWanted(): void {
    if (!this.#expectsContinue) return;
    this.#expectsContinue = false;
    this.#response.continue();
  }

  abort(reason: Problem): void {
    if (this.over) return;
    if (this.#drain !== undefined) this.#drained();
    else if (this.#response.headSent) this.#cut(reason, 'failed');
    else this.#reply({ reply: reason, policy: undefined }, 'replied');
  }

  /** The client neither reads nor leaves: it holds memory and an upstream that bills. */
  stalled(): void {
    if (!this.over) {
      this.stopped = true;
      this.#stopAttempt();
      this.blame({ reply: problem('client_stalled'), policy: undefined });
      this.#ending = 'client_abort';
      this.undelivered += this.#response.pending;
    }
    this.#response.destroy();
  }

  attemptInformed(status: number, headers: HeaderList): void {
    this.#response.inform(status, headers);
  }

  attemptHead(attempt: UpstreamAttempt, status: number, statusText: string, headers: HeaderList): void {
    this.observer.attemptAnswered(attempt, status);
    if (this.#retries.granted(attempt, { kind: 'response', status, headers })) {
      attempt.abort();
      this.observer.attemptEnded(attempt, status, undefined);
      this.#nextAttempt();
      return;
    }
    this.phase = 'stream';
    this.reading?.request(this.in.headers, this.body.whole);
    this.body.release();
    this.reading?.begin(status, headers);
    // Our retries are spent; the SDK must not multiply them.
    if (attempt.number > 1 && status >= 400 && !headers.has('x-should-retry')) headers.set('x-should-retry', 'false');
    this.hooks.responseStart({ status, fromUpstream: true, headers });
    headers.put('x-sluice-request-id', 'x-sluice-request-id', this.id);
    this.status = status;
    try {
      this.#response.writeHead(status, statusText, headers);
      this.#timeHead(attempt);
      if (isStream(headers.get('content-type'))) this.observer.streaming();
    } catch (error) {
      this.#stopAttempt();
      this.#fail({ code: 'upstream_protocol', message: 'an illegal header', safeToRetry: false, cause: error });
    }
  }

  attemptData(attempt: UpstreamAttempt, chunk: Buffer): boolean {
    this.bytesOut += chunk.length;
    // A sample of the delays: two looks at the clock for each chunk would cost more than they tell.
    const from = this.#chunks++ % delaySample === 1 ? performance.now() : 0;
    const ready = this.#drain !== undefined || this.#response.write(chunk);
    if (this.#drain !== undefined) this.undelivered += chunk.length;
    else if (from > 0) this.observer.chunkDelay(performance.now() - from);
    this.reading?.push(chunk);
    // Hooks are shown what has left.
    if (this.hooks.watchChunks) this.#response.flush();
    this.hooks.chunk(chunk);
    this.#drain?.take(chunk.length);
    if (!ready) this.#response.onceDrained(() => attempt.resume());
    return ready;
  }

  attemptTold(): void {
    this.#response.flush();
  }

  attemptEnd(attempt: UpstreamAttempt, trailers: string[]): void {
    // An answer that came before the whole body: the rest of it is read by nobody any more.
    if (this.#drain === undefined && !this.body.complete) linger(this.req, this.body, this.#response, this.core);
    // Before all that could throw: its last bytes are only lent.
    if (this.#drain === undefined) this.#response.end(trailers);
    this.reading?.end(true);
    this.observer.attemptEnded(attempt, this.status, undefined);
    this.#attempt = undefined;
    if (this.#drain !== undefined) this.#drained();
  }

  attemptFailed(attempt: UpstreamAttempt, failure: Failure): void {
    this.endReading();
    this.observer.attemptEnded(attempt, 0, failure.code);
    this.#attempt = undefined;
    if (this.#drain !== undefined) {
      this.truncated = 'body';
      this.#drained();
    } else if (this.#response.headSent) {
      this.truncated = this.bytesOut === 0 ? 'head' : 'body';
      this.#cut(failureProblem(failure, this.upstream.name), 'upstream_abort');
    } else if (this.#retries.granted(attempt, { kind: 'failure', failure }) || this.#retries.stale(attempt, failure)) {
      this.#nextAttempt();
    } else {
      this.#fail(failure);
    }
  }

  #requested(decision: Decision | undefined): void {
    if (this.over) return;
    const final = decision ?? spendHop(this.in.method, this.out.headers);
    if (final === undefined) this.#nextAttempt();
    else this.#reply(final, 'replied');
  }

  #nextAttempt(): void {
    this.body.detach();
    this.#tries++;
    const attempt = new UpstreamAttempt(this, this.#tries, this.routed.upstream, this.out.headers.copy());
    this.#attempt = attempt;
    const decision = runAttempt(this.pipeline.attempts, this, attempt);
    if (decision instanceof Promise) this.#await(decision, (reply) => this.#send(attempt, reply));
    else this.#send(attempt, decision);
  }

  #send(attempt: UpstreamAttempt, decision: Decision | undefined): void {
    if (this.over) return;
    if (decision !== undefined) {
      this.#reply(decision, 'replied');
      return;
    }
    this.phase = 'connect';
    this.attempts = attempt.number;
    this.observer.attemptStarted(attempt);
    const target = this.out.path + this.out.query;
    const body = this.body.forward();
    // Reading what lies there may have shown that it is too large: then this has been answered.
    if (this.over) return;
    this.#forwarder.web(this.req, this.#res, attempt, { method: this.in.method, target, body });
    this.#firstDispatchAt ??= attempt.dispatchedAt;
    // Behind what has been written; a body that is still coming is looked at when the answer begins.
    if (attempt.number === 1 && Buffer.isBuffer(body)) this.reading?.request(this.in.headers, body);
  }

  /** What of the time to the first byte was our own. */
  #timeHead({ answeredAt }: UpstreamAttempt): void {
    const now = performance.now();
    this.ttfbMs = now - this.startedAt;
    if (answeredAt === undefined || this.#firstDispatchAt === undefined) return;
    this.overheadMs = this.#firstDispatchAt - this.startedAt - this.queuedMs + (now - answeredAt);
  }

  /** Answers in the upstream's place. */
  #fail(failure: Failure): void {
    if (this.over) return;
    this.#reply({ reply: failureProblem(failure, this.upstream.name), policy: undefined }, 'failed');
  }

  #reply(decision: Decision, ending: OutcomeKind): void {
    this.stopped = true;
    this.#stopAttempt(decision.reply.kind === 'problem' ? decision.reply.code : 'aborted');
    this.blame(decision);
    this.#ending = ending;
    const context = { requestId: this.id, dialect: this.dialect, policy: decision.policy };
    const rendered = renderReply(decision.reply, context);
    this.hooks.responseStart({ status: rendered.status, fromUpstream: false, headers: rendered.headers });
    this.status = rendered.status;
    this.bytesOut = rendered.body.length;
    this.ttfbMs = performance.now() - this.startedAt;
    if (!this.body.complete) linger(this.req, this.body, this.#response, this.core);
    this.#response.reply(rendered, this.id);
  }

  /** Law 2: a response that was begun and cannot be finished. */
  #cut(reason: Problem, ending: OutcomeKind): void {
    this.stopped = true;
    this.#stopAttempt(reason.code);
    this.blame({ reply: reason, policy: undefined });
    this.#ending = ending;
    const event = dialects[this.dialect].streamError?.(errorFacts(reason, this.id), this.out.path);
    if (event === undefined || this.reading?.terminated === true || !this.#response.canEndInBand) {
      this.#response.destroy();
      return;
    }
    if (this.truncated !== undefined) this.truncated = 'event_boundary';
    this.#response.endInBand(event);
  }

  /** The client's side is closed: everything was sent, or we cut it, or the client has left (law 3). */
  #closed(): void {
    if (this.#response.finished || this.stopped) {
      this.finish(this.#ending);
      return;
    }
    this.undelivered += this.#response.pending;
    const { drain } = this.routed;
    if (drain !== undefined && this.phase === 'stream' && this.#attempt !== undefined) {
      this.#drain = new Drain(drain, () => this.#drained());
      this.#attempt.resume();
      return;
    }
    if (this.phase === 'connect' && this.#attempt?.sent === true) this.phase = 'first_byte';
    this.#stopAttempt();
    this.finish('client_abort');
  }

  #drained(): void {
    this.#drain?.end();
    this.#stopAttempt();
    this.finish('client_abort');
  }

  /** @param reason why Sluice itself stops it; left out where its client has left */
  #stopAttempt(reason: ProblemCode | 'aborted' = 'aborted'): void {
    // What its connection has lent is lent until the end of a read only, which it will not be told of.
    this.#response.flush();
    const attempt = this.#attempt;
    this.#attempt = undefined;
    if (attempt === undefined || attempt.over) return;
    attempt.abort();
    this.endReading();
    this.observer.attemptEnded(attempt, attempt.answered ? this.status : 0, reason);
  }

  /** While a policy waits, the body is read on: else Node would not notice that the client has left. */
  #await(decision: Promise<Decision | undefined>, then: (decision: Decision | undefined) => void): void {
    if (!this.#expectsContinue) this.body.read();
    decision.then(then).catch((error: unknown) => this.#crash(error));
  }

  /** A bug of ours: this exchange fails, the others go on. */
  #crash(error: unknown): void {
    this.log.error({ request_id: this.id, err: error }, 'an exchange failed inside Sluice');
    if (this.over) return;
    this.abort(problem('internal_error', { cause: error }));
  }
}
