/**
 * How Sluice's own answers look on the wire: RFC 9457 members for people and tools, and the provider's own `error`
 * member, so that the official SDKs raise their own typed errors.
 */
import { catalogue, type Problem } from '../errors.ts';
import { dialects, type ErrorFacts } from '../llm/dialects.ts';
import type { Dialect, Reply } from '../policy.ts';
import { scrub } from '../telemetry/redact.ts';
import { HeaderList } from './headers.ts';

/** What of an exchange goes into a problem. */
export interface ReplyContext {
  readonly requestId: string;
  readonly dialect: Dialect;
  /** Id of the policy that decided, where one did. */
  readonly policy: string | undefined;
}

/** A reply ready to be written. */
export interface RenderedReply {
  readonly status: number;
  readonly headers: HeaderList;
  readonly body: Buffer;
}

/** OpenAI's SDK ignores a Retry-After above this and retries at once; Anthropic's sleeps as long as it is told. */
const longestSdkWaitMs = 60_000;

/** Renders a reply; the request id is added by whoever writes the head. */
export function renderReply(reply: Reply, context: ReplyContext): RenderedReply {
  if (reply.kind === 'problem') return renderProblem(reply, context);
  const body = Buffer.from(reply.body ?? '');
  const headers = new HeaderList();
  for (const [name, value] of Object.entries(reply.headers ?? {})) headers.set(name, value);
  // Neither may have content, and a 204 no Content-Length (RFC 9110 §8.6).
  if (reply.status !== 204 && reply.status !== 304) headers.set('content-length', String(body.length));
  return { status: reply.status, headers, body };
}

function renderProblem(given: Problem, context: ReplyContext): RenderedReply {
  const problem = given.detail === undefined ? given : { ...given, detail: scrub(given.detail) };
  const facts = errorFacts(problem, context.requestId);
  const body = Buffer.from(
    `${JSON.stringify({
      type: `urn:sluice:problem:${problem.code}`,
      title: facts.entry.title,
      status: facts.entry.status,
      detail: problem.detail,
      instance: `urn:sluice:request:${encodeURIComponent(context.requestId)}`,
      code: problem.code,
      request_id: context.requestId,
      policy: context.policy,
      error: dialects[context.dialect].errorMember(facts),
    })}\n`,
  );
  const headers = new HeaderList();
  headers.set('content-type', 'application/problem+json');
  headers.set('content-length', String(body.length));
  headers.set('cache-control', 'no-store');
  const wait = problem.retryAfterMs;
  if (wait !== undefined && Number.isFinite(wait))
    headers.set('retry-after', String(Math.max(1, Math.ceil(wait / 1000))));
  if (facts.entry.source !== 'upstream' && (wait === undefined || wait > longestSdkWaitMs)) {
    headers.set('x-should-retry', 'false');
  }
  for (const [name, value] of Object.entries(problem.headers ?? {})) headers.set(name, value);
  return { status: facts.entry.status, headers, body };
}

/** A problem as the dialects need it. */
export function errorFacts(problem: Problem, requestId: string): ErrorFacts {
  const entry = catalogue[problem.code];
  return { code: problem.code, entry, message: problem.detail ?? `${entry.title}.`, requestId };
}
