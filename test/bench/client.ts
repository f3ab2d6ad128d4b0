/**
 * The client of the bench, in a process of its own: it is told {@link Task}s, several at a time if need be, and answers each
 * with a {@link Done}. Asked for `count`, it tells what it has received so far.
 */
import { setTimeout as wait } from 'node:timers/promises';
import { Connection, received } from './connection.ts';
import { type Message, requestsOf } from './request-bytes.ts';

/** Where requests go. */
export interface Target {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** What the client does. */
export type Task = Target &
  Message & {
    /** Milliseconds after which it has failed. Default two minutes. */
    readonly patience?: number;
  } & (
    | { readonly kind: 'closed'; readonly requests: number; readonly concurrency: number }
    /** So many requests a second whatever becomes of them, from idle connections. */
    | { readonly kind: 'open'; readonly requests: number; readonly perSecond: number }
    /** So many streams at once: says `open` when all have begun, and then waits for their ends. */
    | { readonly kind: 'streams'; readonly streams: number }
  );

/** What the bench asks; answers bear the number of what they answer. */
export type Asked = { readonly id: number } & ({ readonly task: Task } | { readonly count: true });

/** What became of a task: for `open`, the milliseconds to each first byte, in no order. */
export interface Done {
  readonly id: number;
  readonly error?: string;
  readonly open?: true;
  readonly firstByteMs?: readonly number[];
  /** Events of streams that came whole, and reads that brought parts of bodies, since the client's start. */
  readonly received?: { readonly events: number; readonly reads: number };
}

class Run {
  readonly #url: URL;
  readonly #request: () => Buffer;
  readonly #connections: Connection[] = [];
  #failure: unknown;

  constructor(task: Task) {
    this.#url = new URL(task.url);
    this.#request = requestsOf(this.#url, task.headers, task);
  }

  async of(task: Task, opened: () => void): Promise<number[]> {
    const impatient = setTimeout(() => this.#fail(new Error('it took too long')), task.patience ?? 120_000);
    try {
      if (task.kind === 'closed') return await this.#closed(task.requests, task.concurrency);
      if (task.kind === 'open') return await this.#open(task.requests, task.perSecond);
      return await this.#streams(task.streams, opened);
    } finally {
      clearTimeout(impatient);
      for (const connection of this.#connections) connection.close();
    }
  }

  async #closed(requests: number, concurrency: number): Promise<number[]> {
    let left = requests;
    const worker = async () => {
      const connection = this.#connect();
      while (left-- > 0 && this.#failure === undefined) await connection.send(this.#request());
    };
    await this.#all(Array.from({ length: concurrency }, worker));
    return [];
  }

  /** Times count from when a request was due, so that a stall is not left out (coordinated omission). */
  async #open(requests: number, perSecond: number): Promise<number[]> {
    const idle: Connection[] = [];
    const times: number[] = [];
    const running: Promise<void>[] = [];
    const one = async (dueAt: number) => {
      let connection = idle.pop();
      // Who has been idle for long may have been closed.
      while (connection?.closed) connection = idle.pop();
      connection ??= this.#connect();
      times.push((await connection.send(this.#request())) - dueAt);
      idle.push(connection);
    };
    const startedAt = performance.now() + 5;
    for (let i = 0; i < requests && this.#failure === undefined; i++) {
      const dueAt = startedAt + (i * 1000) / perSecond;
      const early = dueAt - performance.now();
      if (early > 1) await wait(early - 1);
      // Node's timers are a millisecond coarse, which is more than what is measured.
      while (performance.now() < dueAt);
      running.push(this.#guarded(one(dueAt)));
    }
    await this.#all(running);
    return times;
  }

  async #streams(count: number, opened: () => void): Promise<number[]> {
    let begun = 0;
    const first = () => {
      if (++begun === count) opened();
    };
    const ends: Promise<unknown>[] = [];
    for (let i = 0; i < count && this.#failure === undefined; i++) {
      ends.push(this.#guarded(this.#connect().send(this.#request(), first)));
      // Not all at once: what is measured is open streams, not a rush of them.
      if (i % 50 === 49) await wait(10);
      while (i - begun > 100 && this.#failure === undefined) await wait(5);
    }
    await this.#all(ends);
    return [];
  }

  #connect(): Connection {
    const connection = new Connection(this.#url);
    this.#connections.push(connection);
    return connection;
  }

  async #all(running: readonly Promise<unknown>[]): Promise<void> {
    await Promise.all(running.map((one) => this.#guarded(one)));
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** The first failure ends the others too: they would be in the way of what is measured next. */
  #guarded(running: Promise<unknown>): Promise<void> {
    return running.then(
      () => undefined,
      (error: unknown) => this.#fail(error),
    );
  }

  #fail(error: unknown): void {
    if (this.#failure !== undefined) return;
    this.#failure = error;
    for (const connection of this.#connections) connection.fail(new Error('another request failed'));
  }
}

const say = (done: Done) => process.send?.(done);

process.on('message', (asked: Asked) => {
  const { id } = asked;
  if ('count' in asked) {
    say({ id, received: { ...received } });
    return;
  }
  const opened = () => say({ id, open: true });
  new Run(asked.task).of(asked.task, opened).then(
    (firstByteMs) => say({ id, firstByteMs }),
    (error: unknown) => say({ id, error: String(error) }),
  );
});
process.on('disconnect', () => process.exit(0));
