/** The pipeline in use. A reload swaps one pointer; each exchange holds a lease on the pipeline it started with. */
import type { PolicyLogger } from '../policy.ts';
import type { Pipeline } from './build.ts';

/** Holds the current pipeline and closes those that nobody uses any more. */
export class LivePipeline {
  #current: Pipeline;
  readonly #log: PolicyLogger;
  /** Leases of pipelines, the current one included. */
  readonly #leases = new Map<Pipeline, number>();
  readonly #closing = new Set<Promise<void>>();

  constructor(first: Pipeline, log: PolicyLogger) {
    this.#current = first;
    this.#log = log;
    this.#leases.set(first, 0);
    this.#start(first);
  }

  get current(): Pipeline {
    return this.#current;
  }

  /** Takes a lease on the current pipeline, to be given back with {@link release} exactly once. */
  lease(): Pipeline {
    const pipeline = this.#current;
    this.#leases.set(pipeline, (this.#leases.get(pipeline) ?? 0) + 1);
    return pipeline;
  }

  release(pipeline: Pipeline): void {
    const held = this.#leases.get(pipeline);
    if (held === undefined) return;
    const left = held - 1;
    this.#leases.set(pipeline, left);
    if (left === 0 && pipeline !== this.#current) this.#close(pipeline);
  }

  /** Makes `next` the current one; the old one closes when its last lease ends. */
  swap(next: Pipeline): void {
    const old = this.#current;
    this.#current = next;
    this.#leases.set(next, 0);
    this.#start(next);
    if (this.#leases.get(old) === 0) this.#close(old);
  }

  /** Closes every pipeline, whatever leases are left, and waits for those that are closing already. */
  async close(): Promise<void> {
    for (const pipeline of [...this.#leases.keys()]) this.#close(pipeline);
    await Promise.all(this.#closing);
  }

  /** A policy that cannot start is a fault of its own; the others serve. */
  #start(pipeline: Pipeline): void {
    for (const { id, instance } of pipeline.entries) {
      try {
        instance.start?.();
      } catch (err) {
        this.#log.error({ policy: id, err }, 'a policy failed to start');
      }
    }
  }

  #close(pipeline: Pipeline): void {
    if (!this.#leases.delete(pipeline)) return;
    const done = pipeline.close().catch((err: unknown) => this.#log.error({ err }, 'closing a pipeline failed'));
    this.#closing.add(done);
    void done.finally(() => this.#closing.delete(done));
  }
}
