/** Reads the reply of the take script, trusting nothing: a proxy or a server gone wrong may answer anything. */
import { REPLY_FIELDS } from './redis-script.ts';
import type { Claim, Verdict } from './store.ts';

/** Thrown for a reply that the script cannot have given to this request. */
export class UnexpectedReply extends Error {
  constructor() {
    super('Redis gave an unexpected reply');
    this.name = 'UnexpectedReply';
  }
}

/** What one take came to, and when, in milliseconds of Redis' clock. */
export interface Judged {
  readonly verdicts: readonly Verdict[];
  readonly at: number;
}

/** Reads the reply to one take. Throws {@link UnexpectedReply}. */
export function readReply(reply: unknown, sequence: number, claims: readonly Claim[]): Judged {
  if (!Array.isArray(reply) || reply.length !== 2 + claims.length * REPLY_FIELDS || reply[0] !== sequence) {
    throw new UnexpectedReply();
  }
  let granted = true;
  for (let i = 1; i < reply.length; i++) {
    if (!Number.isSafeInteger(reply[i])) throw new UnexpectedReply();
    if (i % REPLY_FIELDS === 1 && i < reply.length - 1 && reply[i] !== 1) granted = false;
  }
  const verdicts = new Array<Verdict>(claims.length);
  for (let i = 0; i < claims.length; i++) {
    const at = 1 + i * REPLY_FIELDS;
    const retryAfterMs: number = reply[at + 3];
    verdicts[i] = {
      allowed: reply[at] === 1,
      granted,
      limit: claims[i]?.window.limit ?? 0,
      remaining: reply[at + 1],
      resetMs: reply[at + 2],
      retryAfterMs: retryAfterMs < 0 ? Number.POSITIVE_INFINITY : retryAfterMs,
    };
  }
  return { verdicts, at: reply[reply.length - 1] };
}
