/** Where log lines go: a bounded, batching writer that never blocks the loop and never grows without end. */
import { pino } from 'pino';

/** Takes whole lines, each with its newline. */
export interface LineSink {
  write(line: string): void;
}

/** A sink that can be flushed and closed. */
export interface LogDestination extends LineSink {
  /** Asks for everything written so far to be handed to the operating system now. */
  hurry(): void;
  /** Lines dropped so far because the reader did not keep up or the write failed for good. */
  dropped(): number;
  /** Resolves once what was written has left the process, or after `deadlineMs`. Never rejects. */
  flush(deadlineMs?: number): Promise<void>;
  /** Flushes and stops; later lines are dropped silently. */
  close(): Promise<void>;
}

/** Bytes that may wait for a reader that is slow or has stopped; above it lines are dropped and counted. */
export const MAX_WAITING_BYTES = 4 * 1024 * 1024;

/**
 * Lines are gathered up to this many bytes or this many milliseconds: one write, and one wake of a thread of the pool, for
 * some eighty exchanges. A pipe, which takes 64 KiB at once, has room for two.
 */
const BATCH_BYTES = 32 * 1024;
const BATCH_MS = 100;
/** Of a code unit of UTF-16 in UTF-8. */
const MOST_BYTES = 3;

const FLUSH_DEADLINE_MS = 1000;

/**
 * Opens a destination.
 * @param target a file descriptor (1 is stdout), or a sink of the caller's, which is written to line by line and stays
 *   the caller's to close.
 * @param onRecovered told how many lines were lost, once the reader reads again.
 */
export function openDestination(target: number | LineSink, onRecovered: (lost: number) => void): LogDestination {
  return typeof target === 'object' ? passTo(target) : openDescriptor(target, onRecovered);
}

function passTo(sink: LineSink): LogDestination {
  let closed = false;
  return {
    write(line) {
      if (!closed) sink.write(line);
    },
    hurry() {},
    dropped: () => 0,
    flush: () => Promise.resolve(),
    close() {
      closed = true;
      return Promise.resolve();
    },
  };
}

function openDescriptor(fd: number, onRecovered: (lost: number) => void): LogDestination {
  // Node makes a pipe non-blocking when its own stream of it is opened, and only then: else a write to a reader that has
  // stopped holds a thread that the exit waits for.
  if (fd === 1) void process.stdout;
  if (fd === 2) void process.stderr;
  const stream = pino.destination({
    dest: fd,
    sync: false,
    minLength: 1,
    maxLength: MAX_WAITING_BYTES,
    contentMode: 'buffer',
  });
  let dropped = 0;
  let reported = 0;
  let closed = false;
  let broken = false;
  let timer: NodeJS.Timeout | undefined;
  // Written out line by line: while they are texts, made of many pieces, each collection of garbage would copy them all.
  const batch = Buffer.allocUnsafeSlow(BATCH_BYTES);
  let used = 0;
  let lines = 0;
  /** Lines of the write that is being handed over: sonic-boom tells of a drop before its `write` returns. */
  let handed = 0;

  // At process exit pino would write what is left with a blocking write: behind a reader that has stopped the process
  // would never end. Whoever exits in good order awaits `flush`, which has a deadline.
  stream.flushSync = () => {};
  stream.on('drop', () => {
    dropped += handed;
  });
  // A full disk or a closed pipe must not end the process. After a full disk sonic-boom keeps the bytes and tries again
  // with the next write, and drops above its bound; after a closed pipe pino makes its methods do nothing.
  stream.on('error', (error: NodeJS.ErrnoException) => {
    broken ||= error.code === 'EPIPE';
  });
  stream.on('drain', () => {
    if (dropped === reported || closed) return;
    const lost = dropped - reported;
    reported = dropped;
    onRecovered(lost);
  });

  const handOver = () => {
    if (lines === 0) return;
    // A copy: what waits for a slow reader must hold no more than its bytes.
    const bytes = Buffer.from(batch.subarray(0, used));
    used = 0;
    pass(bytes, lines);
  };
  const pass = (bytes: Buffer, count: number) => {
    handed = count;
    lines = 0;
    // Written at once, or behind the write that is under way.
    (stream.write as (bytes: unknown) => boolean)(bytes); // what buffers it takes its types do not tell
  };
  const writeOut = () => {
    timer = undefined;
    if (!closed) handOver();
  };

  return {
    write(line) {
      if (closed) return;
      const most = line.length * MOST_BYTES;
      if (used + most > BATCH_BYTES) handOver();
      if (most > BATCH_BYTES) {
        pass(Buffer.from(line), 1);
        return;
      }
      used += batch.write(line, used);
      lines += 1;
      timer ??= setTimeout(writeOut, BATCH_MS).unref();
    },
    hurry() {
      if (closed) return;
      handOver();
      stream.flush();
    },
    dropped: () => dropped,
    flush: (deadlineMs = FLUSH_DEADLINE_MS) => flushWithin(deadlineMs),
    async close() {
      if (closed) return;
      await flushWithin(FLUSH_DEADLINE_MS);
      closed = true;
      clearTimeout(timer);
      await endStream();
    },
  };

  function flushWithin(deadlineMs: number): Promise<void> {
    if (closed) return Promise.resolve();
    handOver();
    // The first flush ends when the write under way has ended, which may leave a batch that was not yet full.
    return within(deadlineMs, (done) => stream.flush(() => stream.flush(done)));
  }

  function endStream(): Promise<void> {
    if (broken) return Promise.resolve();
    return within(FLUSH_DEADLINE_MS, (done) => {
      stream.once('close', done);
      stream.end();
    });
  }
}

/** Runs a callback-style step; resolves when it calls back, or when the deadline passes. */
function within(deadlineMs: number, step: (done: () => void) => void): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, deadlineMs);
    step(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}
