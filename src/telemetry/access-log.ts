/** The access log: one JSON line for each exchange, written when it has ended. No header values, no bodies. */
import type { RequestFacts } from '../llm/request-facts.ts';
import { knownOutput, type UsageReport } from '../llm/usage.ts';
import type { OutcomeKind, ProblemCode } from '../policy.ts';
import type { TruncationPhase } from './labels.ts';
import type { RootLog } from './log.ts';
import { scrubOften } from './redact.ts';

/** What is said of a model's answer, see {@link answerMembers}. */
export interface AnswerMembers {
  /** As the request names it. */
  readonly model?: string | undefined;
  readonly responseModel?: string | undefined;
  /** One a choice, in the provider's words. */
  readonly finishReasons?: readonly string[] | undefined;
  readonly tokens?:
    | {
        readonly input?: number | undefined;
        readonly output?: number | undefined;
        readonly estimated?: true;
      }
    | undefined;
  /** From the request's headers to the first event with output, in milliseconds. */
  readonly ttftMs?: number | undefined;
}

/** What is said of an exchange. Undefined members are left out. */
export interface AccessRecord extends AnswerMembers {
  readonly requestId: string;
  /** The client's address, `trusted_proxies` applied. */
  readonly client: string;
  /** The route's path; undefined when none matched. */
  readonly route: string | undefined;
  /** Name of the upstream of the last attempt, or the route's when there was none. */
  readonly upstream: string | undefined;
  readonly method: string;
  /** Without its query; cut after 512 characters. */
  readonly path: string;
  /** Sent to the client; 0 when none was. */
  readonly status: number;
  /** The policy that refused and with which code. */
  readonly decision: { readonly policy: string | undefined; readonly code: ProblemCode | 'response' } | undefined;
  readonly outcome: OutcomeKind;
  /** The problem's code where the exchange failed without a decision, e.g. `upstream_reset`. */
  readonly code?: ProblemCode | undefined;
  /** Request body bytes read from the client. */
  readonly bytesIn: number;
  /** Response body bytes handed to the client. */
  readonly bytesOut: number;
  /** From the request's headers to the response's head, in milliseconds. */
  readonly ttfbMs: number | undefined;
  /** From the request's headers to the end, in milliseconds. */
  readonly durationMs: number;
  readonly attempts: number;
  /** Short id of the provider key that the last attempt carried. */
  readonly keyId?: string | undefined;
  /** How long it waited in queues of policies and for a connection to be free, in milliseconds. */
  readonly queueMs?: number;
  /** Where the upstream left its response unfinished. */
  readonly truncated?: TruncationPhase | undefined;
  readonly traceId: string | undefined;
  readonly identity: string | undefined;
}

const MAX_PATH = 512;
const MAX_IDENTITY = 256;
const MAX_MODEL = 128;

/** What request and answer tell of a model's work, as far as it is known. */
export function answerMembers(
  facts: RequestFacts | undefined,
  usage: UsageReport | undefined,
  startedAt: number,
): AnswerMembers {
  if (usage === undefined) return { model: facts?.model };
  const { input, estimated, firstTokenAt } = usage;
  const output = knownOutput(usage);
  const counted = input !== undefined || output !== undefined;
  return {
    model: facts?.model,
    responseModel: usage.responseModel,
    finishReasons: usage.finishReasons,
    ...(counted ? { tokens: { input, output, ...(estimated ? { estimated } : {}) } } : {}),
    ttftMs: firstTokenAt === undefined ? undefined : firstTokenAt - startedAt,
  };
}

/**
 * Writes the line of one exchange. It goes to pino's stream in pino's form, but is put together here: pino's way through
 * its formatters took three times as long, and JSON.stringify of an object with as many members half of it.
 */
export function writeAccess(log: RootLog, record: AccessRecord): void {
  if (!log.infoEnabled) return;
  const { decision, tokens, finishReasons } = record;
  let line = `"msg":"exchange","request_id":${quoted(record.requestId)},"client":${quoted(record.client)}`;
  line += text('route', record.route);
  line += text('upstream', record.upstream);
  line += `,"method":${quoted(bounded(record.method, 32))},"path":${quoted(scrubOften(record.path, MAX_PATH))}`;
  line += `,"status":${record.status}`;
  if (decision !== undefined) line += `,"decision":${JSON.stringify(decision)}`;
  line += `,"outcome":"${record.outcome}"`;
  line += text('code', record.code);
  line += `,"bytes_in":${record.bytesIn},"bytes_out":${record.bytesOut}`;
  line += tenths('ttfb_ms', record.ttfbMs);
  line += tenths('ttft_ms', record.ttftMs);
  line += tenths('duration_ms', record.durationMs);
  line += `,"attempts":${record.attempts}`;
  line += text('key_id', name(record.keyId));
  // What rounds to nothing is not said.
  if (record.queueMs !== undefined && record.queueMs >= 0.05) line += tenths('queue_ms', record.queueMs);
  line += text('model', name(record.model));
  line += text('response_model', name(record.responseModel));
  if (finishReasons?.length) line += text('finish_reason', name([...new Set(finishReasons)].join()));
  if (tokens !== undefined) line += `,"tokens":${JSON.stringify(tokens)}`;
  line += text('truncated', record.truncated);
  line += text('trace_id', record.traceId);
  if (record.identity !== undefined) line += text('identity', scrubOften(record.identity, MAX_IDENTITY));
  log.writeInfo(line);
}

/** A member, or nothing. */
function text(member: string, value: string | undefined): string {
  return value === undefined ? '' : `,"${member}":${quoted(value)}`;
}

/** Printable ASCII without what JSON escapes. */
const plain = /^[ !#-[\]-~]*$/;

function quoted(value: string): string {
  return plain.test(value) ? `"${value}"` : JSON.stringify(value);
}

function bounded(text: string, max: number): string {
  return text.length > max ? `${text.slice(0, max)}…` : text;
}

/** A name that a client or a provider has given. */
function name(given: string | undefined): string | undefined {
  return given === undefined ? undefined : scrubOften(given, MAX_MODEL);
}

/** Milliseconds with one decimal, or nothing. */
function tenths(member: string, milliseconds: number | undefined): string {
  return milliseconds === undefined ? '' : `,"${member}":${Math.round(milliseconds * 10) / 10}`;
}
