/**
 * `sluice sleep SECONDS`, for a preStop hook: the image has no shell and no `sleep` of its own, and kubelets before
 * Kubernetes 1.30 have none either.
 */
import type { EventEmitter } from 'node:events';
import { UsageError } from './usage-error.ts';

/** Node's timers fire at once above 2^31-1 ms; no grace period is a day long. */
const maxSeconds = 86_400;

/**
 * Sleeps so many seconds (a fraction may be given); SIGTERM and SIGINT end it early. Always 0. Throws a UsageError.
 * @param signals where they arrive: the process
 */
export function sleep(argv: readonly string[], signals: EventEmitter): Promise<number> {
  const [text = '', ...rest] = argv;
  const seconds = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
  if (!(seconds <= maxSeconds) || rest.length > 0) throw new UsageError(`sleep takes seconds, 0 to ${maxSeconds}`);
  return new Promise((resolve) => {
    const wake = () => {
      clearTimeout(timer);
      signals.off('SIGTERM', wake);
      signals.off('SIGINT', wake);
      resolve(0);
    };
    const timer = setTimeout(wake, seconds * 1000);
    signals.on('SIGTERM', wake);
    signals.on('SIGINT', wake);
  });
}
