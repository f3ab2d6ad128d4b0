/** The client of the bench, in a process of its own: it is told a {@link Task} and answers with a {@link Done}. */
import { setTimeout as wait } from 'node:timers/promises';
import { Connection, requestBytes } from './connection.ts';

/** Where requests go. */
export interface Target {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** What the client does; `model` says what the provider answers. */
export type Task = Target & { readonly model: string; readonly bodyBytes: number } & (
    | { readonly kind: 'closed'; readonly requests: number; readonly concurrency: number }
    /** So many requests a second whatever becomes of them, from idle connections. */
    | { readonly kind: 'open'; readonly requests: number; readonly perSecond: number }
    /** So many streams at once: says `open` when all have begun, and then waits for their ends. */
    | { readonly kind: 'streams'; readonly streams: number }
  );

/** What became of it: for `open`, the milliseconds to each first byte, in no order. */
export interface Done {
  readonly error?: string;
  readonly open?: true;
  readonly firstByteMs: readonly number[];
}

async function run(task: Task): Promise<number[]> {
  const url = new URL(task.url);
  const message = {
    model: task.model,
    stream: task.model.startsWith('sse'),
    messages: [{ role: 'user', content: '' }],
  };
  const frame = JSON.stringify(message).length;
  const content = 'y'.repeat(Math.max(0, task.bodyBytes - frame));
  const body = JSON.stringify({ ...message, messages: [{ role: 'user', content }] });
  const request = requestBytes(url, task.headers, body);
  if (task.kind === 'closed') return closed(url, request, task.requests, task.concurrency);
  if (task.kind === 'open') return open(url, request, task.requests, task.perSecond);
  return streams(url, request, task.streams);
}

async function closed(url: URL, request: Buffer, requests: number, concurrency: number): Promise<number[]> {
  let left = requests;
  const worker = async () => {
    const connection = new Connection(url);
    while (left-- > 0) await connection.send(request);
    connection.close();
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
  return [];
}

/** Times count from when a request was due, so that a stall is not left out (coordinated omission). */
async function open(url: URL, request: Buffer, requests: number, perSecond: number): Promise<number[]> {
  const idle: Connection[] = [];
  const times: number[] = [];
  const running: Promise<void>[] = [];
  const startedAt = performance.now();
  const one = async (dueAt: number) => {
    const connection = idle.pop() ?? new Connection(url);
    const { firstAt } = await connection.send(request);
    times.push(firstAt - dueAt);
    idle.push(connection);
  };
  for (let i = 0; i < requests; i++) {
    const dueAt = startedAt + (i * 1000) / perSecond;
    const early = dueAt - performance.now();
    if (early > 1) await wait(early - 1);
    // Node's timers are a millisecond coarse, which is more than what is measured.
    while (performance.now() < dueAt);
    running.push(one(dueAt));
  }
  await Promise.all(running);
  for (const connection of idle) connection.close();
  return times;
}

async function streams(url: URL, request: Buffer, count: number): Promise<number[]> {
  let begun = 0;
  const connections: Connection[] = [];
  const ends: Promise<unknown>[] = [];
  const opened = () => {
    if (++begun === count) process.send?.({ open: true, firstByteMs: [] } satisfies Done);
  };
  for (let i = 0; i < count; i++) {
    const connection = new Connection(url);
    connections.push(connection);
    ends.push(connection.send(request, opened));
    // Not all at once: a listen queue is short.
    if (i % 50 === 49) await wait(10);
  }
  await Promise.all(ends);
  for (const connection of connections) connection.close();
  return [];
}

process.on('message', (task: Task) => {
  run(task).then(
    (firstByteMs) => process.send?.({ firstByteMs } satisfies Done),
    (error: unknown) => process.send?.({ error: String(error), firstByteMs: [] } satisfies Done),
  );
});
process.on('disconnect', () => process.exit(0));
