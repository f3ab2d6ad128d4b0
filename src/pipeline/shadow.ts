/** What a policy in shadow mode gets: everything to look at, nothing that has an effect but a line in the log. */
import type { Problem } from '../errors.ts';
import { HeaderList } from '../http/headers.ts';
import type {
  Attempt,
  ExchangeHooks,
  InboundRequest,
  MaybePromise,
  OutboundRequest,
  Reply,
  RequestBody,
  RequestContext,
  UpstreamInfo,
} from '../policy.ts';
import type { Entry } from './entry.ts';
import { readModel } from './model.ts';
import type { Subject } from './subject.ts';

/** A context whose `out` is a throw-away copy and whose effects are inert; what it would have refused is logged. */
export function shadowContext(subject: Subject, entry: Entry): RequestContext {
  return new ShadowContext(subject, entry);
}

/** Says what a policy in shadow mode would have answered. */
export function tellShadow(entry: Entry, subject: Subject, reply: Reply): void {
  const code = reply.kind === 'problem' ? reply.code : String(reply.status);
  const fields = { policy: entry.id, request_id: subject.id, code, mode: 'shadow' };
  subject.log.info(fields, 'a policy in shadow mode would have refused');
}

/** An attempt whose headers are a throw-away copy. */
export function shadowAttempt(attempt: Attempt): Attempt {
  const headers = copyOf(attempt.headers.entries());
  return { number: attempt.number, upstream: attempt.upstream, headers, keyId: undefined };
}

/** Hooks that see the exchange to its end but edit a throw-away head. */
export function shadowHooks(hooks: ExchangeHooks): ExchangeHooks {
  const { responseStart } = hooks;
  if (responseStart === undefined) return hooks;
  return {
    responseStart: (head) => responseStart.call(hooks, { ...head, headers: copyOf(head.headers.entries()) }),
    chunk: (bytes) => hooks.chunk?.(bytes),
    end: (outcome) => hooks.end?.(outcome),
  };
}

function copyOf(entries: Iterable<[string, string]>): HeaderList {
  const copy = new HeaderList();
  for (const [name, value] of entries) copy.add(name, name.toLowerCase(), value);
  return copy;
}

class ShadowContext implements RequestContext {
  readonly #ctx: Subject;
  readonly #entry: Entry;
  readonly #copy: HeaderList;
  readonly out: OutboundRequest;
  readonly body: RequestBody;

  constructor(ctx: Subject, entry: Entry) {
    this.#ctx = ctx;
    this.#entry = entry;
    this.#copy = copyOf(ctx.out.headers.entries());
    this.out = { path: ctx.out.path, query: ctx.out.query, headers: this.#copy };
    this.body = { declaredLength: ctx.body.declaredLength, peek: (max) => ctx.body.peek(max), limit: () => undefined };
  }
  get id(): string {
    return this.#ctx.id;
  }
  get in(): InboundRequest {
    return this.#ctx.in;
  }
  get route(): { readonly path: string } {
    return this.#ctx.route;
  }
  get upstream(): UpstreamInfo {
    return this.#ctx.upstream;
  }
  get client(): { readonly ip: string } {
    return this.#ctx.client;
  }
  get peer(): { readonly ip: string } {
    return this.#ctx.peer;
  }
  get identity(): string | undefined {
    return this.#ctx.identity;
  }
  get identityInLogs(): string | undefined {
    return this.#ctx.identityInLogs;
  }
  get tags(): ReadonlySet<string> {
    return this.#ctx.tags;
  }
  get signal(): AbortSignal {
    return this.#ctx.signal;
  }
  /** A model that cannot be read would refuse the request; in shadow mode there is none. */
  model(): MaybePromise<string | undefined> {
    const found = readModel(this.#ctx, this.#ctx.maxPeekBytes);
    return found instanceof Promise ? found.then((model) => this.#nameOf(model)) : this.#nameOf(found);
  }
  setIdentity(): void {}
  addTag(): void {}
  waited(): void {}
  /** The one effect that shadow mode has: a credential for Sluice goes to no provider. */
  consumeCredential(credential: string): void {
    this.#copy.deleteHolding(credential);
    this.#ctx.consumeCredential(credential);
  }
  abort(reason: Problem): void {
    tellShadow(this.#entry, this.#ctx, reason);
  }
  #nameOf(model: string | Problem | undefined): string | undefined {
    if (typeof model !== 'object') return model;
    this.abort(model);
    return undefined;
  }
}
