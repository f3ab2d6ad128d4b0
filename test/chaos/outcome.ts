/** What a client got, in one word. */
import { catalogue, type ProblemCode } from '../../src/errors.ts';
import { isErrorEvent } from './error-event.ts';
import type { Exchange, UpstreamRecord } from './exchange.ts';
import { allowedOutcomes } from './expected.ts';
import { field } from './message-reader.ts';
import { bodyBytesBefore, marker } from './wire.ts';

/** See {@link outcomeOf}; a code of the catalogue where Sluice answered. */
export type Outcome =
  | 'complete'
  | 'in-band'
  | 'cut'
  | 'closed'
  | 'own-cut'
  | 'reply'
  | 'left'
  | 'stuck'
  | 'wrong'
  | ProblemCode;

/** The attempt that the client's response is marked with. */
export function answeringAttempt(exchange: Exchange): UpstreamRecord | undefined {
  const [index, number] = (field(exchange.client.head, marker) ?? '').split('.');
  return Number(index) === exchange.script.index ? exchange.attempts[Number(number)] : undefined;
}

/** Whether the upstream has sent a response to its end. */
export function whole(attempt: UpstreamRecord): boolean {
  return attempt.finished || (attempt.wire !== undefined && attempt.sent === attempt.wire.bytes.length);
}

/** How many bytes of body the upstream has sent. */
export function bodySent({ wire, sent }: UpstreamRecord): number {
  return wire === undefined ? 0 : bodyBytesBefore(wire, sent);
}

/** Classifies, and complains of what is impossible or against law 1 or 2. */
export function outcomeOf(exchange: Exchange): Outcome {
  const { client, script } = exchange;
  const wrong = (why: string): Outcome => {
    exchange.violations.push(why);
    return 'wrong';
  };
  if (client.broken !== '') return wrong(`the client got broken framing: ${client.broken}`);
  if (client.surplus > 0) return wrong(`the client got ${client.surplus} bytes after the end of its response`);
  if (client.terminal === 'stuck' || client.terminal === undefined)
    return wrong('no answer and no end within the bound');
  const marked = field(client.head, marker);
  if (client.head === undefined) return client.terminal === 'left' ? 'left' : 'closed';
  if (marked === undefined) return ownAnswer(exchange, wrong);
  const attempt = answeringAttempt(exchange);
  if (attempt?.wire === undefined) return wrong(`the client got a response of another exchange: ${marked}`);
  if (script.fault.kind === 'ws-refused' && attempt.number === 0) {
    return client.extra.toString() === 'no' || client.terminal === 'left'
      ? ended(exchange)
      : wrong('a changed refusal');
  }
  if (client.extra.length > 0) return inBand(exchange, attempt, wrong);
  if (client.matched > bodySent(attempt)) return wrong('the client got bytes before the upstream had sent them');
  if (client.terminal !== 'complete') return ended(exchange);
  if (script.kind === 'websocket') return 'complete';
  if (!whole(attempt)) return wrong('a response that the upstream did not finish looks finished');
  const all = bodySent(attempt);
  return client.matched === all ? 'complete' : wrong(`complete with ${client.matched} of ${all} bytes`);
}

/** Node resets the connection of an HTTP/1.0 client that is still sending; the answer had come whole before. */
function gotAll(exchange: Exchange): boolean {
  const { client, script } = exchange;
  const attempt = answeringAttempt(exchange);
  if (script.request.version !== '1.0' || client.sent || attempt === undefined || !whole(attempt)) return false;
  return client.matched === bodySent(attempt);
}

function ended(exchange: Exchange): Outcome {
  const { client } = exchange;
  if (client.terminal === 'closed' && gotAll(exchange)) return 'complete';
  return client.terminal === 'complete' ? 'complete' : client.terminal === 'left' ? 'left' : 'cut';
}

function inBand(exchange: Exchange, attempt: UpstreamRecord, wrong: (why: string) => Outcome): Outcome {
  const { client, script } = exchange;
  const all = attempt.wire?.body ?? Buffer.alloc(0);
  const seen = Buffer.concat([all.subarray(0, client.matched), client.extra]);
  // The event begins after the last event that agrees with the upstream's; its first bytes may agree by chance.
  const boundary = client.matched === 0 ? 0 : seen.lastIndexOf('\n\n', client.matched - 1) + 2;
  const at = boundary === 1 ? 0 : boundary;
  const before = seen.subarray(0, at).toString('latin1');
  const event = seen.subarray(at).toString('utf8');
  if (client.terminal === 'left') return 'left';
  if (!isErrorEvent(script, event)) return wrong(`foreign bytes in the body: ${JSON.stringify(event.slice(0, 300))}`);
  if (client.terminal !== 'complete') return 'cut';
  if (script.response.content !== 'sse' || script.response.framing === 'length')
    return wrong('an error event where law 2 allows none');
  if (/data: \[DONE\]|event: message_stop/.test(before))
    return wrong('an error event after the terminator: a client has taken it for whole');
  if (whole(attempt) && script.policy.act !== 'abort') return wrong('an error event in a response that was whole');
  const sent = bodySent(attempt);
  const closedInHaste = script.fault.kind === 'rst' || script.policy.act === 'abort';
  if (at !== sent && !closedInHaste)
    return wrong(`an error event after ${at} of ${sent} bytes that the upstream had sent`);
  return 'in-band';
}

function ownAnswer(exchange: Exchange, wrong: (why: string) => Outcome): Outcome {
  const { client, script } = exchange;
  if (client.terminal === 'left') return 'left';
  if (client.terminal !== 'complete') return 'own-cut';
  const status = Number(client.head?.startLine.split(' ')[1]);
  const text = client.extra.toString();
  const id = field(client.head, 'x-sluice-request-id');
  if (refusesCutRequest(exchange, id, text)) return 'bad_request';
  if (id !== `chaos-${script.index}`) return wrong(`x-sluice-request-id is ${id}`);
  if (field(client.head, 'x-chaos-reply') === '1') {
    const body = script.request.method === 'HEAD' ? '' : 'own';
    return status === 299 && text === body ? 'reply' : wrong('a changed reply of a policy');
  }
  if (script.request.method === 'HEAD') {
    // There is no body to say the code: any of that status that may be will do.
    const expected = [...allowedOutcomes(exchange)].find((code) => statusOf(code) === status);
    const known = Object.keys(catalogue).find((code) => statusOf(code) === status);
    return expected ?? (known as ProblemCode | undefined) ?? wrong(`status ${status} is not in the catalogue`);
  }
  return problemIn(exchange, status, text, wrong);
}

/** A client that ended its side within its request gets an answer to what is no request: it has an id of its own. */
function refusesCutRequest({ client, script }: Exchange, id: string | undefined, text: string): boolean {
  const { leave } = script.client;
  const broke = leave?.by === 'half' && (leave.phase === 'head' || leave.phase === 'body') && !client.sent;
  return broke && text.includes('"code":"bad_request"') && id !== undefined && text.includes(`"request_id":"${id}"`);
}

function statusOf(code: string): number | undefined {
  return code in catalogue ? catalogue[code as ProblemCode].status : undefined;
}

function problemIn(exchange: Exchange, status: number, text: string, wrong: (why: string) => Outcome): Outcome {
  const { client, script } = exchange;
  if (field(client.head, 'content-type') !== 'application/problem+json')
    return wrong(`an answer of unknown origin: ${text.slice(0, 200)}`);
  try {
    const body = JSON.parse(text);
    const code = body.code as ProblemCode;
    if (!(code in catalogue)) return wrong(`code ${code} is not in the catalogue`);
    const facts = catalogue[code];
    const right =
      body.status === status &&
      status === facts.status &&
      body.title === facts.title &&
      typeof body.type === 'string' &&
      typeof body.instance === 'string' &&
      body.request_id === `chaos-${script.index}` &&
      body.error !== undefined;
    return right ? code : wrong(`a problem of the wrong shape: ${text.slice(0, 300)}`);
  } catch {
    return wrong(`a problem that is no JSON: ${text.slice(0, 200)}`);
  }
}
