/** How near the process is to its memory limit: the cgroup's (the container's) or, when that is nearer, V8's heap limit. */
import { getHeapStatistics } from 'node:v8';
import type { PolicyLogger } from '../policy.ts';
import { collectGarbage } from './garbage.ts';

const everyMs = 100;
/** Below the threshold by so much, it is over: without a margin it would flutter. */
const margin = 0.03;
/** After a collection so much time passes before memory is judged. */
const settleMs = 250;
/** While memory is scarce, garbage is collected so often at most: what has been freed must count as free. */
const collectEveryMs = 2_000;

/** Samples memory until it is closed. */
export class MemoryPressure {
  /** Used share of the limit, from 0 to 1. */
  ratio = 0;
  /** Whether new work should be refused. */
  high = false;
  /** Share from which it is (`server.shed.memory`); follows reloads. */
  threshold: number;
  readonly #log: PolicyLogger;
  readonly #limit: number;
  /** What the process needed at its start besides heap and buffers: code, stacks, libraries. */
  readonly #native: number;
  readonly #onRoom: (bytes: number) => void;
  readonly #timer: NodeJS.Timeout;
  #collectedAt = Number.NEGATIVE_INFINITY;

  /**
   * @param limit bytes that the process may have; by default what the cgroup allows, else no limit but the heap's
   * @param onRoom is told at each look how many bytes more would still do: up to halfway from the threshold to the limit,
   *   so that garbage is collected before nothing more is held
   */
  constructor(threshold: number, log: PolicyLogger, limit = cgroupLimit(), onRoom: (bytes: number) => void = () => {}) {
    this.#onRoom = onRoom;
    this.threshold = threshold;
    this.#log = log;
    this.#limit = limit;
    const { rss, heapTotal, arrayBuffers } = process.memoryUsage();
    this.#native = Math.max(0, rss - heapTotal - arrayBuffers);
    this.#timer = setInterval(() => this.#sample(), everyMs).unref();
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #sample(): void {
    this.ratio = this.#used();
    const now = performance.now();
    if (this.threshold < 1 && this.ratio >= this.threshold && now - this.#collectedAt > collectEveryMs) {
      this.#collectedAt = now;
      collectGarbage();
    }
    // Buffers are given back in the background.
    if (now - this.#collectedAt < settleMs) return;
    const high = this.threshold < 1 && this.ratio >= this.threshold - (this.high ? margin : 0);
    if (high === this.high) return;
    this.high = high;
    const fields = { ratio: Math.round(this.ratio * 1000) / 1000, threshold: this.threshold };
    if (high) this.#log.warn(fields, 'memory is scarce: new requests are refused until it is not');
    else this.#log.info(fields, 'memory is no longer scarce');
  }

  /**
   * What the allocators hold for later (empty heap pages, freed buffers, which never leave the resident set) is used again
   * before more is taken: it is not in use. What is counted as live gets a quarter more, for what nobody counts.
   */
  #used(): number {
    const heap = getHeapStatistics();
    const { rss, heapUsed, arrayBuffers } = process.memoryUsage();
    const empty = Math.max(0, heap.total_physical_size - heap.used_heap_size);
    const live = this.#native + (heapUsed + arrayBuffers) * 1.25;
    const used = Math.min(rss - empty, live);
    this.#onRoom(this.threshold < 1 ? (this.#limit * (1 + this.threshold)) / 2 - used : Number.POSITIVE_INFINITY);
    return Math.max(used / this.#limit, heap.used_heap_size / heap.heap_size_limit);
  }
}

/** Bytes; Infinity when there is no cgroup limit (Node then reports none, or more than the machine has). */
function cgroupLimit(): number {
  const limit = process.constrainedMemory();
  return limit > 0 && limit < 2 ** 50 ? limit : Number.POSITIVE_INFINITY;
}
