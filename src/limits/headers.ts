/** The header fields that tell clients about limits (IETF draft-ietf-httpapi-ratelimit-headers-10). */
import type { HeaderEditor } from '../policy.ts';
import type { Verdict, Window } from './store.ts';

/** Field that tells what the limit is. */
export const POLICY_FIELD = 'RateLimit-Policy';
/** Field that tells what is left of it. */
export const LIMIT_FIELD = 'RateLimit';

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

  /** Adds the items to a response; those of other limits stay, as both fields are lists. */
  append(headers: HeaderEditor, verdict: Verdict): void {
    headers.append(POLICY_FIELD, this.policy);
    headers.append(LIMIT_FIELD, this.limit(verdict));
  }

  /** The fields of a refusal. */
  record(verdict: Verdict): Record<string, string> {
    return { [POLICY_FIELD]: this.policy, [LIMIT_FIELD]: this.limit(verdict) };
  }
}

/** Whole seconds, rounded up, so that nobody comes too early. */
function seconds(ms: number): number {
  return Math.ceil(ms / 1000);
}

/** A string of RFC 9651 §3.3.3: what it cannot hold becomes `_`. */
function structuredString(text: string): string {
  return `"${text.replace(/[^\x20-\x7e]/g, '_').replace(/["\\]/g, '\\$&')}"`;
}
