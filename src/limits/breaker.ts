/**
 * The breaker between takes and a shared store: one failure opens it, and a probe in the background, never a user's
 * request, closes it. It says each change of state once.
 */

/** What the breaker watches and tells. */
export interface BreakerOptions {
  /** Whether a probe makes sense; while it does not, {@link Breaker.connected} is awaited. */
  readonly ready: () => boolean;
  /** Tries the store once; rejects when it does not work. */
  readonly probe: () => Promise<void>;
  /** Called on a change of what is known, the first time included; `reason` says why it does not work. */
  readonly onChange: (ok: boolean, reason: string) => void;
}

/** From a failure to the first probe, in milliseconds; doubled by each that fails. */
const MIN_DELAY_MS = 250;
/** Most between two probes. */
const MAX_DELAY_MS = 2000;
/** A failure so long after the last recovery is an incident of its own; a sooner one makes the probes slower. */
const CALM_MS = 10_000;

/** Open until the first probe has succeeded. */
export class Breaker {
  readonly #options: BreakerOptions;
  #closed = false;
  #reported: boolean | undefined;
  #stopped = false;
  #probing = false;
  #delayMs = MIN_DELAY_MS;
  #closedAt = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: BreakerOptions) {
    this.#options = options;
  }

  /** Whether the store may be asked. */
  get closed(): boolean {
    return this.#closed;
  }

  /** A take has failed, or the connection is gone: nobody asks the store until a probe has succeeded. */
  open(reason: string): void {
    if (this.#stopped) return;
    if (this.#closed) {
      this.#closed = false;
      if (performance.now() - this.#closedAt > CALM_MS) this.#delayMs = MIN_DELAY_MS;
      else this.#slower();
      this.#schedule();
    }
    this.#report(false, reason);
  }

  /** The connection is there again. It is tried at once, unless the last failure is too recent. */
  connected(): void {
    if (!this.#stopped && !this.#closed && this.#timer === undefined) this.#probe();
  }

  /** Ends the probes; the breaker stays as it is. */
  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #probe(): void {
    if (this.#probing || !this.#options.ready()) return;
    this.#probing = true;
    this.#options.probe().then(
      () => this.#worked(),
      (error: unknown) => this.#failed(error instanceof Error ? error.message : String(error)),
    );
  }

  #worked(): void {
    this.#probing = false;
    if (this.#stopped) return;
    this.#closed = true;
    this.#closedAt = performance.now();
    this.#report(true, '');
  }

  #failed(reason: string): void {
    this.#probing = false;
    if (this.#stopped) return;
    this.#slower();
    this.#schedule();
    this.#report(false, reason);
  }

  #slower(): void {
    this.#delayMs = Math.min(this.#delayMs * 2, MAX_DELAY_MS);
  }

  #schedule(): void {
    if (this.#timer !== undefined) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#probe();
    }, this.#delayMs);
    this.#timer.unref();
  }

  #report(ok: boolean, reason: string): void {
    if (this.#reported === ok) return;
    this.#reported = ok;
    this.#options.onChange(ok, reason);
  }
}
