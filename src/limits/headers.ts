/** The header fields that tell clients about limits (IETF draft-ietf-httpapi-ratelimit-headers-10). */
import type { ExchangeHooks, ResponseHead } from '../policy.ts';
import type { Verdict, Window } from './store.ts';

/** Field that tells what the limit is. */
const POLICY_FIELD = 'RateLimit-Policy';
/** Field that tells what is left of it. */
const LIMIT_FIELD = 'RateLimit';

/** Writes the fields of one limit; what does not change is put together once. */
export class RateLimitFields {
  readonly #name: string;
  /** The item of `RateLimit-Policy`, e.g. `"per-player";q=60;w=60`. */
  readonly policy: string;

  constructor(window: Window) {
    this.#name = structuredString(window.id);
    this.policy = `${this.#name};q=${window.limit};w=${seconds(window.perMs)}`;
  }

  /** The item of `RateLimit`, e.g. `"per-player";r=12;t=30`. A refused request's `t` is its Retry-After. */
  limit(verdict: Verdict): string {
    const waitMs = verdict.allowed ? verdict.resetMs : verdict.retryAfterMs;
    const t = Number.isFinite(waitMs) ? `;t=${seconds(waitMs)}` : '';
    return `${this.#name};r=${verdict.remaining}${t}`;
  }
}

/** The limits of one exchange: the client is told all of them, and of the nearest one how much is left. */
export class ToldLimits implements ExchangeHooks {
  #policies: string;
  #fields: RateLimitFields;
  #verdict: Verdict;

  constructor(fields: RateLimitFields, verdict: Verdict) {
    this.#policies = fields.policy;
    this.#fields = fields;
    this.#verdict = verdict;
  }

  add(fields: RateLimitFields, verdict: Verdict): void {
    this.#policies += `, ${fields.policy}`;
    if (!isNearer(verdict, this.#verdict)) return;
    this.#fields = fields;
    this.#verdict = verdict;
  }

  responseStart({ headers }: ResponseHead): void {
    headers.append(POLICY_FIELD, this.#policies);
    headers.append(LIMIT_FIELD, this.#fields.limit(this.#verdict));
  }
}

/** Of two that refuse, the one that does so for longer; else the one with less left. */
function isNearer(a: Verdict, b: Verdict): boolean {
  if (a.retryAfterMs !== b.retryAfterMs) return a.retryAfterMs > b.retryAfterMs;
  return a.remaining !== b.remaining ? a.remaining < b.remaining : a.resetMs > b.resetMs;
}

/** Whole seconds, rounded up, so that nobody comes too early. */
function seconds(ms: number): number {
  return Math.ceil(ms / 1000);
}

/** A string of RFC 9651 §3.3.3: what it cannot hold becomes `_`. */
function structuredString(text: string): string {
  return `"${text.replace(/[^\x20-\x7e]/g, '_').replace(/["\\]/g, '\\$&')}"`;
}
