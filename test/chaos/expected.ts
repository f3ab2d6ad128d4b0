/** Which outcomes a script allows to a client that stays. */

import type { Exchange } from './exchange.ts';
import { cutOf } from './faults.ts';
import type { Outcome } from './outcome.ts';
import type { FaultKind } from './script.ts';
import { bodyless, buildWire } from './wire.ts';

/** Largest body that the policy lets pass. */
export const bodyLimit = 512 * 1024;
/** Largest body that is kept for another attempt. */
export const replayBytes = 256 * 1024;

const harmless: readonly FaultKind[] = [
  'none',
  'slow-accept',
  'delay-head',
  'delay-body',
  'split',
  'every-byte',
  'slow-read',
  'early-answer',
  'early-4xx',
  'close-idle',
  'excess',
  'informational-flood',
  'ws-refused',
];

/** What has surely been read of an answer when its last byte has been sent, in bytes: all of one that is no larger. */
const kernelBuffers = 64 * 1024;

/** All that may happen. */
export function allowedOutcomes(exchange: Exchange): ReadonlySet<Outcome> {
  const { script, attempts } = exchange;
  const { request, policy } = script;
  const allowed = new Set<Outcome>();
  const tooLarge = script.kind === 'http' && request.bytes > bodyLimit;
  if (tooLarge && request.framing === 'length') return withUnsent(exchange, allowed.add('body_too_large'));
  if (policy.act === 'greedy') allowed.add('rate_limited');
  if (tooLarge) for (const one of ['body_too_large', 'cut', 'in-band'] as const) allowed.add(one);
  if (policy.act === 'reply') return withUnsent(exchange, allowed.add('reply'));
  if (policy.act === 'refuse') return withUnsent(exchange, allowed.add('header_denied'));
  if (policy.act === 'throw') return withUnsent(exchange, allowed.add('policy_fault'));
  if (policy.act === 'abort') for (const one of ['overloaded', 'cut', 'in-band'] as const) allowed.add(one);
  for (const one of byFault(exchange)) allowed.add(one);
  // The second attempt finds a healthy upstream.
  if (attempts.length > 1) allowed.add('complete');
  // A stale connection is tried once more; two of them in a row, or a body that is not held any more, are a failure.
  if (exchange.attemptsTold > 1 || request.bytes > replayBytes) allowed.add('upstream_reset');
  return withUnsent(exchange, allowed);
}

/** A client that is still sending may find its connection closed without having read the answer. */
function withUnsent({ client }: Exchange, allowed: Set<Outcome>): ReadonlySet<Outcome> {
  const onlyComplete = allowed.size === 1 && allowed.has('complete');
  if (!client.sent && !onlyComplete) allowed.add('closed').add('own-cut');
  return allowed;
}

/**
 * A client of HTTP/1.0 has its connection closed behind its answer: while it still sends, the kernel resets it, which
 * overtakes what it has not read of a large answer (RFC 9112 §9.6).
 */
export function resetBehindAnswer({ script, client }: Exchange): boolean {
  const early = script.fault.kind === 'early-answer' || script.fault.kind === 'early-4xx';
  return early && script.request.version === '1.0' && !client.sent && script.response.bytes > 32 * 1024;
}

function byFault(exchange: Exchange): readonly Outcome[] {
  const { script } = exchange;
  const { fault } = script;
  const { kind } = fault;
  if (resetBehindAnswer(exchange)) return ['complete', 'cut'];
  // A reset overtakes what has not been read yet, which a large answer held back by its client may not be.
  if (kind === 'close-idle' && fault.form % 2 > 0 && script.response.bytes > kernelBuffers)
    return ['complete', 'cut', 'in-band'];
  if (harmless.includes(kind)) return ['complete'];
  if (kind === 'refused') return ['upstream_connect'];
  if (kind === 'hangup') return ['upstream_reset', 'upstream_connect'];
  if (kind === 'garbage-chunk') {
    return bodyless(script) || script.response.framing !== 'chunked' ? ['complete'] : ['cut', 'in-band'];
  }
  if (kind === 'early-hard-close') return ['complete', 'cut', 'in-band', 'upstream_reset'];
  if (kind !== 'fin' && kind !== 'rst' && kind !== 'stall') return ['upstream_protocol'];
  if (script.kind === 'websocket') {
    const early = kind === 'stall' ? 'upstream_first_byte_timeout' : 'upstream_reset';
    return ['cut', early, 'upstream_protocol'];
  }
  const wire = buildWire(script, 0);
  const headless = cutOf(wire, fault) < wire.headEnd;
  if (kind === 'stall') return headless ? ['upstream_first_byte_timeout'] : ['cut', 'in-band'];
  if (headless) return ['upstream_reset', 'upstream_protocol'];
  if (kind === 'rst') return ['cut', 'in-band', 'upstream_reset'];
  return script.response.framing === 'close' ? ['complete'] : ['cut', 'in-band'];
}
