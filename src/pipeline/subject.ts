/** What the runner of a pipeline needs of an exchange and of an attempt, and what it gives back. */
import type { ToldLimits } from '../limits/headers.ts';
import type { Attempt, AttemptHooks, ExchangeHooks, PolicyLogger, Reply, RequestContext } from '../policy.ts';
import type { CommandOwner } from '../resources/redis-commands.ts';

/** A reply and the id of the policy that gave it; undefined where it was Sluice itself. */
export interface Decision {
  readonly reply: Reply;
  readonly policy: string | undefined;
}

/** The exchange, as the runner sees it. */
export interface Subject extends RequestContext {
  /** True once the exchange has ended (the client left, or it was aborted): nothing more is run. */
  readonly over: boolean;
  readonly log: PolicyLogger;
  /** Most bytes of a body that may be waited for and held to look into it (`server.max_peek_bytes`). */
  readonly maxPeekBytes: number;
  /** Who is told of the Redis commands that are issued for it; undefined where nobody wants to know. */
  readonly commands: CommandOwner | undefined;
  /** What the client will be told of its limits. */
  told: ToldLimits | undefined;
  addHooks(hooks: ExchangeHooks): void;
  /** When a policy judged last (`performance.now()`); 0: none has. */
  readonly judgedAt: number;
  /** A policy has judged, `at` by `performance.now()`; for traces. */
  judged(policy: string, decision: string, milliseconds: number, enforced: boolean, at: number): void;
}

/** An attempt that collects the hooks of its policies. */
export interface RunningAttempt extends Attempt {
  readonly hooks: AttemptHooks[];
}
