/** What the bench has measured, as it stands in its JSON file. */
import type { Machine } from './machine.ts';

/** One list for each measure, with one value for each round; null where that round has none. */
export interface Samples {
  /** Microseconds of CPU for a request, and the conditions: see `Cost` in `measures.ts`. */
  request: (number | null)[];
  requestBusy: (number | null)[];
  requestLoadBusy: (number | null)[];
  /** Microseconds of CPU for one of the first requests after a rest. */
  restedRequest: (number | null)[];
  /** Microseconds of CPU for a request of the open loop, where nobody is saturated. */
  openRequest: (number | null)[];
  /** Microseconds of CPU for an event. */
  chunk: (number | null)[];
  chunkBusy: (number | null)[];
  chunkLoadBusy: (number | null)[];
  chunksPerSecond: (number | null)[];
  eventsPerRead: (number | null)[];
  /** Milliseconds to the first byte more than without a proxy. */
  ttft50: (number | null)[];
  ttft99: (number | null)[];
}

export type Measure = keyof Samples;

/** What fresh processes take: resident memory in bytes, and time; one value for each process. */
export interface Memory {
  readonly idle: number[];
  readonly perStreamAt1000: number[];
  readonly perStreamAt5000: number[];
  /** Milliseconds until it accepted connections, or said that it does, on the contenders' core alone; 5 ms coarse. */
  readonly readyMs: number[];
}

/** Of a variant of `timeToReady()`. */
export interface Ready {
  readonly name: string;
  readonly medianMs: number;
  readonly minMs: number;
  readonly maxMs: number;
}

/** Of one contender. */
export interface Result {
  readonly name: string;
  readonly version: string;
  readonly samples: Samples;
  readonly memory: Memory;
  /** Why it could not be started or measured to the end. */
  failure?: string;
}

/** Of a whole run. */
export interface Results {
  readonly startedAt: string;
  readonly seconds: number;
  readonly rounds: number;
  readonly machine: Machine;
  /** Milliseconds to the first byte without a proxy, of each round. */
  readonly direct: { readonly p50: (number | null)[]; readonly p99: (number | null)[] };
  readonly contenders: readonly Result[];
  /** Of `timeToReady()`, for variants of Sluice. */
  readonly ready: readonly Ready[];
}

/** A result without values. */
export function emptyResult(name: string, version: string, rounds: number): Result {
  const none = () => Array.from({ length: rounds }, () => null);
  return {
    name,
    version,
    samples: {
      request: none(),
      requestBusy: none(),
      requestLoadBusy: none(),
      restedRequest: none(),
      openRequest: none(),
      chunk: none(),
      chunkBusy: none(),
      chunkLoadBusy: none(),
      chunksPerSecond: none(),
      eventsPerRead: none(),
      ttft50: none(),
      ttft99: none(),
    },
    memory: { idle: [], perStreamAt1000: [], perStreamAt5000: [], readyMs: [] },
  };
}

/** The values that there are. */
export function present(values: readonly (number | null)[]): number[] {
  return values.filter((value) => value !== null);
}
