/**
 * Trying a batch again, in place of the SDK's own way: its timer cannot be stopped, and would hold the process for
 * seconds after tracing has been closed.
 */

/** What came of sending, as the SDK's transports tell it. */
export interface SendResult {
  readonly status: 'success' | 'failure' | 'retryable';
  /** What the collector asks for (Retry-After). */
  readonly retryInMillis?: number | undefined;
}

/** Sends serialized batches. */
export interface Transport {
  send(data: Uint8Array, timeoutMillis: number): Promise<SendResult>;
  shutdown(): void;
}

const FIRST_WAIT_MS = 1000;
const MAX_WAIT_MS = 5000;
const GROWTH = 1.5;
const JITTER = 0.2;

/** A transport that tries again until a batch's time is over, and stops waiting when it is told to. */
export class RetryingTransport implements Transport {
  readonly #transport: Transport;
  readonly #waiting = new Set<() => void>();
  #stopped = false;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  async send(data: Uint8Array, timeoutMillis: number): Promise<SendResult> {
    const deadline = performance.now() + timeoutMillis;
    let wait = FIRST_WAIT_MS;
    for (;;) {
      const left = deadline - performance.now();
      const result = await this.#transport.send(data, Math.max(1, left));
      const spread = wait * (1 - JITTER + Math.random() * 2 * JITTER);
      const delay = result.retryInMillis ?? Math.min(MAX_WAIT_MS, spread);
      if (result.status !== 'retryable' || this.#stopped || performance.now() + delay > deadline) return result;
      wait *= GROWTH;
      await this.#pause(Math.max(0, delay));
      if (this.#stopped) return result;
    }
  }

  shutdown(): void {
    this.#transport.shutdown();
  }

  /** Nothing is tried again from here on; who waits to do so gives up now. */
  stop(): void {
    this.#stopped = true;
    for (const go of this.#waiting) go();
  }

  #pause(milliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      const go = () => {
        clearTimeout(timer);
        this.#waiting.delete(go);
        resolve();
      };
      const timer = setTimeout(go, milliseconds);
      this.#waiting.add(go);
    });
  }
}

interface Delegate {
  _transport?: { _transport?: Transport };
}

/**
 * Puts our way of trying again in the place of the one inside an exporter of the SDK, which offers no option for it.
 * @throws Error when the exporter is not built as that of the pinned version is
 */
export function replaceRetry(exporter: object): RetryingTransport {
  const delegate = (exporter as { _delegate?: Delegate })._delegate;
  const bare = delegate?._transport?._transport;
  if (delegate === undefined || typeof bare?.send !== 'function') {
    throw new Error('the OTLP exporter is built differently from the version that Sluice is made for');
  }
  const ours = new RetryingTransport(bare);
  delegate._transport = ours as unknown as NonNullable<Delegate['_transport']>;
  return ours;
}
