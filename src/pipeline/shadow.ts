/** What a policy in shadow mode gets: everything to look at, nothing that has an effect. */
import { HeaderList } from '../http/headers.ts';
import type {
  Attempt,
  ExchangeHooks,
  InboundRequest,
  MaybePromise,
  OutboundRequest,
  RequestBody,
  RequestContext,
  UpstreamInfo,
} from '../policy.ts';

/** A context whose `out` is a throw-away copy and whose effects are inert. */
export function shadowContext(ctx: RequestContext): RequestContext {
  return new ShadowContext(ctx);
}

/** An attempt whose headers are a throw-away copy. */
export function shadowAttempt(attempt: Attempt): Attempt {
  return { number: attempt.number, upstream: attempt.upstream, headers: copyOf(attempt.headers.entries()) };
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
  readonly #ctx: RequestContext;
  readonly out: OutboundRequest;
  readonly body: RequestBody;

  constructor(ctx: RequestContext) {
    this.#ctx = ctx;
    this.out = { path: ctx.out.path, query: ctx.out.query, headers: copyOf(ctx.out.headers.entries()) };
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
  get identity(): string | undefined {
    return this.#ctx.identity;
  }
  get tags(): ReadonlySet<string> {
    return this.#ctx.tags;
  }
  get signal(): AbortSignal {
    return this.#ctx.signal;
  }
  model(): MaybePromise<string | undefined> {
    return this.#ctx.model();
  }
  setIdentity(): void {}
  addTag(): void {}
  abort(): void {}
}
