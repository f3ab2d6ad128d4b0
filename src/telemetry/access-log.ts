/** The access log: one JSON line for each exchange, written when it has ended. No header values, no bodies. */
import { knownOutput, type UsageReport } from '../llm/usage.ts';
import type { OutcomeKind, ProblemCode } from '../policy.ts';
import type { TruncationPhase } from './labels.ts';
import type { RootLog } from './log.ts';
import { scrubName } from './redact.ts';

/** Tokens of an answer, as far as they are known. */
export interface AnswerTokens {
  readonly input: number | undefined;
  readonly output: number | undefined;
  readonly estimated: boolean;
}

/** What is said of an exchange. Undefined members are left out. */
export interface AccessRecord {
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
  /** As the request names it. */
  readonly model?: string | undefined;
  readonly responseModel?: string | undefined;
  /** One a choice, in the provider's words. */
  readonly finishReasons?: readonly string[] | undefined;
  readonly tokens?: AnswerTokens | undefined;
  /** From the request's headers to the first event with output, in milliseconds. */
  readonly ttftMs?: number | undefined;
}

const MAX_PATH = 512;
const MAX_IDENTITY = 256;
const MAX_MODEL = 128;

/** The tokens that an answer told; undefined when it told none. */
export function tokensOf(usage: UsageReport): AnswerTokens | undefined {
  const output = knownOutput(usage);
  const { input, estimated } = usage;
  return input === undefined && output === undefined ? undefined : { input, output, estimated };
}

/**
 * Writes the line of one exchange. It goes to pino's stream in pino's form, but its text is put together here: pino's way
 * through its formatters took three times as long, and an object for JSON.stringify twice.
 */
export function writeAccess(log: RootLog, record: AccessRecord): void {
  if (!log.infoEnabled) return;
  const { route, upstream, decision, code, keyId, model, responseModel, tokens, truncated, traceId, identity } = record;
  let line = `"msg":"exchange","request_id":${quoted(record.requestId)},"client":${quoted(record.client)}`;
  line += namesOf(route, upstream);
  line += `,"method":${quoted(bounded(record.method, 32))},"path":${quoted(scrubName(record.path, MAX_PATH))},"status":${record.status}`;
  if (decision !== undefined) line += `,"decision":${JSON.stringify(decision)}`;
  line += `,"outcome":"${record.outcome}"`;
  if (code !== undefined) line += `,"code":"${code}"`;
  line += `,"bytes_in":${record.bytesIn},"bytes_out":${record.bytesOut}`;
  if (record.ttfbMs !== undefined) line += `,"ttfb_ms":${tenths(record.ttfbMs)}`;
  if (record.ttftMs !== undefined) line += `,"ttft_ms":${tenths(record.ttftMs)}`;
  line += `,"duration_ms":${tenths(record.durationMs)},"attempts":${record.attempts}`;
  if (keyId !== undefined) line += `,"key_id":${name(keyId)}`;
  if (record.queueMs !== undefined && record.queueMs >= 0.05) line += `,"queue_ms":${tenths(record.queueMs)}`;
  if (model !== undefined) line += `,"model":${name(model)}`;
  if (responseModel !== undefined) line += `,"response_model":${name(responseModel)}`;
  const reason = reasonOf(record.finishReasons);
  if (reason !== undefined) line += `,"finish_reason":${name(reason)}`;
  if (tokens !== undefined) line += `,"tokens":${tokenMembers(tokens)}`;
  if (truncated !== undefined) line += `,"truncated":"${truncated}"`;
  if (traceId !== undefined) line += `,"trace_id":"${traceId}"`;
  if (identity !== undefined) line += `,"identity":${quoted(scrubName(identity, MAX_IDENTITY))}`;
  log.writeInfo(line);
}

/** Those of the line before, which the next one nearly always has too. */
let names: Pick<AccessRecord, 'route' | 'upstream'> & { readonly text: string } = {
  route: undefined,
  upstream: undefined,
  text: '',
};

function namesOf(route: string | undefined, upstream: string | undefined): string {
  if (names.route === route && names.upstream === upstream) return names.text;
  let text = route === undefined ? '' : `,"route":${quoted(route)}`;
  if (upstream !== undefined) text += `,"upstream":${quoted(upstream)}`;
  names = { route, upstream, text };
  return text;
}

/** ASCII without what JSON escapes, as nearly everything here is. */
const plain = /^[ !#-[\]-~]*$/;

function quoted(text: string): string {
  return plain.test(text) ? `"${text}"` : JSON.stringify(text);
}

function bounded(text: string, max: number): string {
  return text.length > max ? `${text.slice(0, max)}…` : text;
}

/** A name that a client or a provider has given. */
function name(given: string): string {
  return quoted(scrubName(given, MAX_MODEL));
}

/** Each reason once. */
function reasonOf(reasons: readonly string[] | undefined): string | undefined {
  if (reasons === undefined || reasons.length === 0) return undefined;
  return reasons.length === 1 ? reasons[0] : [...new Set(reasons)].join();
}

function tokenMembers({ input, output, estimated }: AnswerTokens): string {
  return JSON.stringify({ input, output, ...(estimated ? { estimated } : {}) });
}

/** Milliseconds with one digit behind the point: two whole numbers are written faster than one that is none. */
function tenths(milliseconds: number): string {
  const all = Math.round(milliseconds * 10);
  if (!(all >= 0)) return JSON.stringify(all / 10);
  const whole = Math.floor(all / 10);
  const rest = all - whole * 10;
  return rest === 0 ? `${whole}` : `${whole}.${rest}`;
}
