/**
 * The policy contract: everything that the author of a policy reads.
 *
 * A policy is one file in `policies/` that exports a {@link Policy}. For each entry of `proxy.yaml` that names it,
 * `setup` is called once per load of the configuration and returns a {@link PolicyInstance}; its hooks then run for
 * every exchange that the entry's `when` admits. `request` hooks run in YAML order, response hooks in reverse.
 *
 * The life of an exchange, as a policy sees it:
 *
 *     request (limit)  →  attempt  →  [attempt end → retry → attempt …]  →  responseStart  →  chunk…  →  end
 *
 * State of one exchange lives in the closure that `request` returns, so that what was acquired is released once.
 */
import type { Static, TSchema } from 'typebox';
import type { Callers, CallersOptions } from './auth/callers.ts';
import type { Failure, Problem, ProblemCode, ProblemOptions } from './errors.ts';
import type { RateLimitFields } from './limits/headers.ts';
import type { Limiter, LimiterOptions } from './limits/limiter.ts';
import type { Slots } from './limits/slots.ts';
import type { Claim, LimitStore, Verdict } from './limits/store.ts';
import type {
  HeaderEditor,
  HeaderReader,
  InboundRequest,
  OutboundRequest,
  RequestBody,
  ResponseHead,
} from './policy-messages.ts';

export type { Caller, Callers, CallersOptions, Identified } from './auth/callers.ts';
export { compilePattern } from './auth/pattern.ts';
export { ClientKey, JwtIssuer } from './auth/schema.ts';
export type { Failure, Problem, ProblemCode, ProblemOptions } from './errors.ts';
export { compileCidrs } from './http/client-address.ts';
export { framesMessage, isHeaderName, isHeaderValue } from './http/header-fault.ts';
export { holds } from './http/holds.ts';
export type { RateLimitFields } from './limits/headers.ts';
export type { Limiter, LimiterOptions, LimiterResult } from './limits/limiter.ts';
export type { Answer, Bulkhead, NoSlot, Slot, Slots, Waiting } from './limits/slots.ts';
export type { Claim, LimitStore, OnStoreError, Verdict, Window } from './limits/store.ts';
export type {
  HeaderEditor,
  HeaderReader,
  InboundRequest,
  OutboundRequest,
  RequestBody,
  ResponseHead,
} from './policy-messages.ts';

/** A policy: its name in `proxy.yaml`, one line for the catalogue, the schema of its `with`, and how to set it up. */
export interface Policy<Schema extends TSchema = TSchema> {
  readonly name: string;
  /** One sentence for `policies/README.md` and the editor. */
  readonly summary: string;
  /** TypeBox schema of `with`; its defaults are applied before `setup`. */
  readonly schema: Schema;
  /** Called once per load. Throwing {@link ConfigError} makes it an error of the configuration, with its place. */
  setup(env: Env<Static<Schema>>): PolicyInstance | Promise<PolicyInstance>;
}

/** Types a policy and its config against its own schema; the registry then holds policies of every schema. */
export function definePolicy<Schema extends TSchema>(policy: Policy<Schema>): Policy {
  return policy as unknown as Policy;
}

/** Thrown by `setup` for a fault in the policy's options: reported with file, line and column, exit code 2. */
export class ConfigError extends Error {
  /** JSON pointer below the policy's `with`, e.g. `/keys/0`; empty for the entry itself. */
  readonly pointer: string;
  constructor(message: string, pointer = '') {
    super(message);
    this.name = 'ConfigError';
    this.pointer = pointer;
  }
}

/** What `setup` is given. */
export interface Env<Config> {
  /** The entry's id: its policy's name unless `id` says otherwise; unique. State that outlives a reload is kept under it. */
  readonly id: string;
  /** `with`, validated, defaults filled in, durations in milliseconds, sizes in bytes. */
  readonly config: Config;
  readonly mode: 'enforce' | 'shadow';
  /** The pod's name (else the host's): joins the key of limits whose client is on loopback. */
  readonly podName: string;
  /** Whether every client's address is one of loopback: no listener can be reached otherwise, and no proxy is believed. */
  readonly loopbackOnly: boolean;
  /** The upstreams that the entry's `when` lets it see, by name. */
  readonly upstreams: readonly UpstreamInfo[];
  /** Limits: shared through Redis when `redis.url` is set, else per process. State belongs to the policy's id. */
  readonly limits: LimitStore;
  /** Slots: how many exchanges run at once, shared as limits are. A slot is the hooks to return: its `end` frees it. */
  readonly slots: Slots;
  /**
   * For bans and single limits of a policy of one's own: a limiter in the words of rate-limiter-flexible (consume, penalty,
   * reward, block, get, set, delete), shared through Redis when `redis.url` is set, with this process' memory as its
   * insurance. State belongs to the policy's id (and `name`) and survives reloads. To be called in `setup`; rejects with a RangeError.
   */
  limiter(options: LimiterOptions): Promise<Limiter>;
  /** Makes a refusal; see the catalogue in `errors.ts`. For policies of users, which cannot import it. */
  problem(code: ProblemCode, options?: ProblemOptions): Problem;
  /** A secret by reference. Its value is asked for when it is needed, so that an absent one fails its own requests only. */
  secret(ref: SecretRef): Secret;
  /** Who may call: keys by their salted hashes, tokens by the keys of their issuers. Close it with the instance. */
  callers(options: CallersOptions): Promise<Callers>;
  /** Says what is probably a mistake and does not keep the configuration from being used; `pointer` as in {@link ConfigError}. */
  warn(message: string, pointer?: string): void;
  /**
   * Keeps a thing over reloads: what was made first under this entry's id, mode and `name` is found again by later loads,
   * and closed, where it has a `close`, when the last pipeline that asked for it has closed. The old pipeline goes on
   * using it beside the new one, which may yet be dropped: keep what was learnt, not what was configured.
   */
  keep<Thing extends object>(name: string, make: () => Thing): Thing;
  readonly log: PolicyLogger;
}

/** Where a secret is: an environment variable or a file (trimmed). */
export type SecretRef = { readonly env: string } | { readonly file: string };

/** A secret's present value. Never put it anywhere but into the headers of an attempt at its own upstream. */
export interface Secret {
  /** Undefined while it cannot be read or is empty. */
  value(): string | undefined;
  /** What an operator must set, e.g. `environment variable OPENAI_API_KEY`; holds no part of the secret, nor a file's path. */
  readonly where: string;
}

/** Structured logging; values are redacted. */
export interface PolicyLogger {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** The hooks of one entry of `policies`; every member is optional. */
export interface PolicyInstance {
  /** Judges a request. Returning a {@link Reply} ends the request phase with it; throwing is a fault (`on_error`). */
  request?(ctx: RequestContext): MaybePromise<Reply | ExchangeHooks | void>;
  /** For limits: says what to take. The runner takes the claims of neighbouring limit policies all at once or not at all. */
  limit?: LimitHooks;
  /** Runs for each try once its upstream is chosen. The only place where credentials are set, on `attempt.headers`. */
  attempt?(ctx: RequestContext, attempt: Attempt): MaybePromise<Reply | AttemptHooks | void>;
  /** For `GET /limits` of the admin port: what a key has used; undefined when it can be none of this policy's. */
  inspect?(key: string): MaybePromise<LimitUsage | undefined>;
  /** For `DELETE /limits`: forgets what a key has used; true when there was something. */
  reset?(key: string): MaybePromise<boolean>;
  /** Called once, when this instance is put to work. A load that fails, or is only checked, starts nothing. */
  start?(): void;
  /** For policies that set provider keys: how each stands now. Asked for at each scrape of the metrics. */
  keys?(): readonly KeyStanding[];
  /** Called once, after the last exchange that uses this instance has ended. */
  close?(): void | Promise<void>;
}

/** What a key has used of one limit. */
export interface LimitUsage {
  /** The key under which it is counted, in full. */
  readonly key: string;
  readonly limit: number;
  readonly used: number;
  readonly remaining: number;
  /** Milliseconds until `remaining` grows; 0 when nothing is used. Left out where time changes nothing. */
  readonly reset_ms?: number;
  /** Requests that wait. Left out where none can. */
  readonly waiting?: number;
}

/** A provider key, for `sluice_key_state` and `sluice_key_uses_total`. */
export interface KeyStanding {
  readonly upstream: string;
  /** A short id from the configuration; never any part of the key. */
  readonly id: string;
  /** 1 usable, 0 resting, -1 taken out or gone. */
  readonly standing: 1 | 0 | -1;
  /** Attempts that it was set on. */
  readonly uses: number;
}

/** A limit policy's two steps around the store's one round trip. */
export interface LimitHooks {
  /** What this request takes; nothing (undefined) to stay out; a Reply to refuse outright. */
  claim(ctx: RequestContext): MaybePromise<Claim | Reply | undefined>;
  /** What clients are told of the limit in `RateLimit-Policy` and, when it is the nearest one, in `RateLimit`. */
  readonly fields?: RateLimitFields;
  /** Told what became of the claim. Must return a Reply when `verdict.allowed` is false, else hooks or nothing. */
  decide(ctx: RequestContext, verdict: Verdict): Reply | ExchangeHooks | undefined;
}

/** A value, or a promise of one. The runner awaits only what is a promise. */
export type MaybePromise<T> = T | Promise<T>;

/** The response side of one exchange; every hook is optional. */
export interface ExchangeHooks {
  /** Synchronous; may edit the headers that go to the client. Also runs for the Replies of later policies. */
  responseStart?(head: ResponseHead): void;
  /** Synchronous and read-only: the bytes have been handed to the client already and must not be kept. */
  chunk?(bytes: Buffer): void;
  /** Exactly once, always, also after a fault. A promise is awaited by nobody but its errors are logged. */
  end?(outcome: Outcome): void | Promise<void>;
}

/** Watches one attempt. */
export interface AttemptHooks {
  /** The attempt's head or failure, before a byte has gone to the client. `retry` asks for another attempt; it is granted while the body can be replayed and attempts remain. */
  end?(result: AttemptResult): 'retry' | undefined;
}

/** How an attempt went: the upstream's response head, or why there was none. */
export type AttemptResult =
  | { readonly kind: 'response'; readonly status: number; readonly headers: HeaderReader }
  | { readonly kind: 'failure'; readonly failure: Failure };

/** A decision of a policy: a problem of the catalogue, or a whole response of its own. */
export type Reply = Problem | OwnResponse;

/** A response made by a policy, sent as it is. */
export interface OwnResponse {
  readonly kind: 'response';
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
}

/** How an exchange ended. */
export type OutcomeKind = 'complete' | 'replied' | 'client_abort' | 'upstream_abort' | 'failed';

/** What is known of an exchange when it has ended. */
export interface Outcome {
  readonly kind: OutcomeKind;
  /** Status sent to the client; 0 when none was. */
  readonly status: number;
  /** The problem's code where there was one. */
  readonly code: ProblemCode | undefined;
  /** Response body bytes handed to the client. */
  readonly bytes: number;
  /** From the request's headers to the end, in milliseconds. */
  readonly durationMs: number;
}

/** What is known of an upstream; never its address. */
export interface UpstreamInfo {
  readonly name: string;
  readonly dialect: Dialect;
}

/** How a provider speaks: key header, error body, stream events, where the model's name is. */
export type Dialect = 'openai' | 'anthropic' | 'gemini' | 'openrouter' | 'mistral' | 'azure-openai' | 'ollama' | 'none';

/** One request on its way through the pipeline. */
export interface RequestContext {
  /** Request id: in every log line and span, sent upstream as `x-request-id`, returned as `x-sluice-request-id`. */
  readonly id: string;
  readonly in: InboundRequest;
  readonly out: OutboundRequest;
  readonly body: RequestBody;
  readonly route: { readonly path: string };
  readonly upstream: UpstreamInfo;
  /** The client's address, `trusted_proxies` applied, IPv4-mapped forms as IPv4. */
  readonly client: { readonly ip: string };
  /** Who speaks to Sluice: the other end of the connection, whatever `X-Forwarded-For` says. */
  readonly peer: { readonly ip: string };
  /** Who the client or player is, once a policy has established it; never a secret. */
  readonly identity: string | undefined;
  /** What logs and spans show of the identity: itself, or what `setIdentity` was given instead. */
  readonly identityInLogs: string | undefined;
  readonly tags: ReadonlySet<string>;
  /** Aborted when the client leaves; for policies that wait. */
  readonly signal: AbortSignal;
  /** The model's name where the dialect has it (body or path); undefined when there is none. Waits for the body. */
  model(): MaybePromise<string | undefined>;
  /** @param inLogs what logs and spans show instead, where the identity itself must not be written down */
  setIdentity(identity: string, inLogs?: string): void;
  addTag(tag: string): void;
  /** A policy that made the request wait in a queue says for how long: it counts as waiting, not as work of Sluice. */
  waited(milliseconds: number): void;
  /**
   * Says that this text of the request was a credential for Sluice itself. No header and no part of the query that holds it
   * goes upstream, whatever its name and the route's `credentials`, and in shadow mode neither: that a secret leaves in one
   * direction holds there too.
   */
  consumeCredential(credential: string): void;
  /** Stops a running exchange: a refusal before the head was sent, an honest cut (law 2) after it. */
  abort(problem: Problem): void;
}

/** One try of an exchange at one upstream. */
export interface Attempt {
  /** 1 for the first. */
  readonly number: number;
  readonly upstream: UpstreamInfo;
  /** This attempt's own copy of `ctx.out.headers`. */
  readonly headers: HeaderEditor;
  /** Short id of the provider key that a policy has set, for traces and logs; never any part of the key. */
  keyId: string | undefined;
}
