/** Recorders for what every exchange and every attempt counts, with their series bound or cached by small numbers. */
import type { OutcomeKind } from '../policy.ts';
import {
  type AttemptOutcome,
  METHODS,
  methodIndex,
  OUTCOMES,
  statusClass,
  statusLabel,
  type TruncationPhase,
} from './labels.ts';
import type { Bind, Cell, Distribution } from './series.ts';

/** Recorder of one route's exchanges. */
export interface RouteMetrics {
  /**
   * Records an exchange that has ended. Times in seconds, from the request's headers; `ttfbSeconds` undefined when no
   * body byte was sent; `status` 0 when none was sent.
   */
  exchange(
    method: string,
    status: number,
    outcome: OutcomeKind,
    durationSeconds: number,
    ttfbSeconds: number | undefined,
    bytesIn: number,
    bytesOut: number,
  ): void;
}

/** Recorder of one upstream's attempts. */
export interface UpstreamMetrics {
  /** Records an attempt that has ended. */
  attempt(outcome: AttemptOutcome, durationSeconds: number): void;
  /** Counts a response that the upstream did not finish. */
  truncated(phase: TruncationPhase): void;
}

/** Distributions over all routes. */
export interface BodyDistributions {
  readonly ttfb: Distribution;
  readonly bytesIn: Distribution;
  readonly bytesOut: Distribution;
}

/** See {@link RouteMetrics}. */
export class RouteRecorder implements RouteMetrics {
  readonly #path: string;
  readonly #requests: Bind<Cell>;
  readonly #durations: Distribution;
  readonly #shared: BodyDistributions;
  /** By method, status and outcome in one number: at most 10 methods × some 80 statuses × 5 outcomes. */
  readonly #cells = new Map<number, Cell>();

  constructor(path: string, requests: Bind<Cell>, durations: Distribution, shared: BodyDistributions) {
    this.#path = path;
    this.#requests = requests;
    this.#durations = durations;
    this.#shared = shared;
  }

  exchange(
    method: string,
    status: number,
    outcome: OutcomeKind,
    durationSeconds: number,
    ttfbSeconds: number | undefined,
    bytesIn: number,
    bytesOut: number,
  ): void {
    const known = status >= 0 && status < 1000 ? status : 999;
    const key = (methodIndex(method) * 1000 + known) * 8 + OUTCOMES.indexOf(outcome);
    const cell = this.#cells.get(key) ?? this.#bind(key, method, known, outcome);
    cell.inc();
    this.#durations.observe(durationSeconds);
    if (ttfbSeconds !== undefined) this.#shared.ttfb.observe(ttfbSeconds);
    this.#shared.bytesIn.observe(bytesIn);
    this.#shared.bytesOut.observe(bytesOut);
  }

  #bind(key: number, method: string, status: number, outcome: OutcomeKind): Cell {
    const label = METHODS[methodIndex(method)] ?? 'OTHER';
    const cell = this.#requests({ route: this.#path, method: label, status: statusLabel(status), outcome });
    this.#cells.set(key, cell);
    return cell;
  }
}

/** See {@link UpstreamMetrics}. */
export class UpstreamRecorder implements UpstreamMetrics {
  readonly #name: string;
  readonly #attempts: Bind<Cell>;
  readonly #truncations: Bind<Cell>;
  readonly #durations: Distribution;
  readonly #cells = new Map<AttemptOutcome, Cell>();

  constructor(name: string, attempts: Bind<Cell>, durations: Bind<Distribution>, truncations: Bind<Cell>) {
    this.#name = name;
    this.#attempts = attempts;
    this.#truncations = truncations;
    this.#durations = durations({ upstream: name });
  }

  attempt(outcome: AttemptOutcome, durationSeconds: number): void {
    const known = typeof outcome === 'number' ? Math.floor(outcome / 100) : outcome;
    const cell = this.#cells.get(known) ?? this.#bind(known);
    cell.inc();
    this.#durations.observe(durationSeconds);
  }

  #bind(known: AttemptOutcome): Cell {
    const outcome = typeof known === 'number' ? statusClass(known * 100) : known;
    const cell = this.#attempts({ upstream: this.#name, outcome });
    if (this.#cells.size < 64) this.#cells.set(known, cell);
    return cell;
  }

  truncated(phase: TruncationPhase): void {
    this.#truncations({ upstream: this.#name, phase }).inc();
  }
}
