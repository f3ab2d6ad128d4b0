/**
 * Usage reading: what an answer tells of its tokens, its ending and its errors, for every dialect, streamed or not,
 * encoded or not. It looks at the bytes behind them, keeps none, and is bounded by `usage/bounds.ts`.
 */
import type { Dialect } from '../policy.ts';
import { endpointOf, usualForm } from './endpoint.ts';
import { type Framing, PlainReader } from './usage/read-answer.ts';
import { codingOf, EncodedReader } from './usage/read-encoded.ts';
import type { UsageReport } from './usage/report.ts';

export type { ErrorClass, InBandError } from './usage/in-band-error.ts';
export { estimateTokens, knownOutput, type TokenCounts, type UsageReport } from './usage/report.ts';

/** The head of an answer, as the provider sent it. */
export interface AnswerHead {
  /** The path that was asked, with or without its query. */
  readonly path: string;
  readonly status: number;
  readonly contentType: string | undefined;
  readonly contentEncoding: string | undefined;
}

/** Reads one answer. Whoever creates one calls `end` exactly once, however the exchange ends. */
export interface UsageReader {
  /** Looks at bytes as they pass. Synchronous; never throws; keeps nothing of the chunk's memory. */
  push(chunk: Buffer): void;
  /** Whether the dialect's own ending has been seen so far (of an encoded answer: in what has been decoded). */
  readonly terminated: boolean;
  /**
   * The report; a promise where the answer was encoded and its last bytes are still being decoded. Never rejects.
   * @param whole the provider finished its response (false: cut, or the client left)
   */
  end(whole: boolean): UsageReport | Promise<UsageReport>;
}

/**
 * A reader for an answer; undefined when there is nothing to read in it: no dialect, no success, an endpoint that does
 * not generate, a content type or an encoding that is not known.
 */
export function createUsageReader(dialect: Dialect, head: AnswerHead): UsageReader | undefined {
  if (head.status < 200 || head.status > 299) return undefined;
  const framing = framingOf(head.contentType);
  if (framing === undefined) return undefined;
  // A stream on a path that is not known is generated all the same; a JSON body there may be anything.
  const form = endpointOf(dialect, head.path)?.form ?? (framing === 'sse' ? usualForm(dialect) : undefined);
  if (form === undefined || dialect === 'none') return undefined;
  const coding = codingOf(head.contentEncoding);
  if (coding === null) return undefined;
  const reader = new PlainReader(form, framing);
  return coding === undefined ? reader : new EncodedReader(coding, reader);
}

const jsonType = /^application\/(?:[\w.+-]+\+)?json$/;
const linesType = /^application\/(?:x-)?(?:ndjson|jsonl|jsonlines|json-lines)$/;

let lastType: string | undefined;
let lastFraming: Framing | undefined;

/** Most answers have the type of the one before. */
function framingOf(contentType: string | undefined): Framing | undefined {
  if (contentType === lastType) return lastFraming;
  lastFraming = readFraming(contentType);
  lastType = contentType;
  return lastFraming;
}

function readFraming(contentType: string | undefined): Framing | undefined {
  const type = contentType?.split(';', 1)[0]?.trim().toLowerCase() ?? '';
  if (type === 'text/event-stream') return 'sse';
  if (linesType.test(type)) return 'lines';
  return jsonType.test(type) ? 'json' : undefined;
}
