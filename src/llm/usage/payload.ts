/** One event or body that comes in pieces: held while it is small, reduced to its skeleton when it is not. */
import { usageBounds } from './bounds.ts';
import { JsonSkeleton } from './skeleton.ts';

/** What takes whole payloads. */
export interface PayloadSink {
  /** A small one: the bytes from `start` to `end`, which are not kept after the call. `name` is the SSE event's. */
  small(bytes: Buffer, start: number, end: number, name: string): void;
  /** What is left of a large one, parsed; undefined when nothing is. */
  large(skeleton: unknown): void;
}

const smallest = 2048;
/** A buffer larger than this does not stay for the next event. */
const largestKept = 8 * 1024;

/** Buffers of the smallest size that nobody uses: a short answer needs one for as long as it takes to come. */
const spare: Buffer[] = [];
const mostSpare = 32;

/** See the module. Used again for the next event after `flush`. */
export class Payload {
  #held: Buffer | undefined;
  #length = 0;
  #skeleton: JsonSkeleton | undefined;

  get empty(): boolean {
    return this.#length === 0 && this.#skeleton === undefined;
  }

  append(bytes: Buffer, start: number, end: number): void {
    if (this.#skeleton !== undefined) {
      this.#skeleton.push(bytes, start, end);
      return;
    }
    const length = this.#length + end - start;
    if (length > usageBounds.heldBytes) {
      this.#skeleton = new JsonSkeleton();
      if (this.#held !== undefined) this.#skeleton.push(this.#held, 0, this.#length);
      this.#held = undefined;
      this.#length = 0;
      this.#skeleton.push(bytes, start, end);
      return;
    }
    bytes.copy(this.#room(length), this.#length, start, end);
    this.#length = length;
  }

  /** Hands over what there is and begins anew. */
  flush(sink: PayloadSink, name: string): void {
    const held = this.#held;
    const length = this.#length;
    const skeleton = this.#skeleton;
    this.#length = 0;
    this.#skeleton = undefined;
    if (held !== undefined && held.length > largestKept) this.#held = undefined;
    if (skeleton !== undefined) sink.large(skeleton.take());
    else if (held !== undefined && length > 0) sink.small(held, 0, length, name);
  }

  /** Nothing comes any more: its buffer is free for others. */
  end(): void {
    const held = this.#held;
    this.#held = undefined;
    this.#length = 0;
    if (held?.length === smallest && spare.length < mostSpare) spare.push(held);
  }

  #room(length: number): Buffer {
    const held = this.#held;
    if (held !== undefined && held.length >= length) return held;
    let size = held?.length ?? smallest;
    while (size < length) size *= 2;
    const larger = (size === smallest ? spare.pop() : undefined) ?? Buffer.allocUnsafeSlow(size);
    held?.copy(larger, 0, 0, this.#length);
    this.#held = larger;
    return larger;
  }
}
