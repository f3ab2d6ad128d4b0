/** The bench's side of its client's process. */
import type { ChildProcess } from 'node:child_process';
import type { Asked, Done, Task } from './client.ts';

type Question = { readonly task: Task } | { readonly count: true };

/** See the module. */
export class ClientProcess {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, (done: Done) => void>();
  #asked = 0;

  constructor(child: ChildProcess) {
    this.#child = child;
    child.on('message', (done: Done) => this.#waiting.get(done.id)?.(done));
    child.once('exit', (code, signal) => {
      const error = `the client ended with ${code ?? signal}`;
      for (const [id, answer] of this.#waiting) answer({ id, error });
    });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** See `BenchProcesses.load`. */
  async load(task: Task, opened?: () => Promise<void>): Promise<readonly number[]> {
    let during: Promise<void> | undefined;
    const done = await this.#ask({ task }, () => {
      during = opened?.();
      // Its failure is told below, after the load's own.
      during?.catch(() => undefined);
    });
    if (done.error !== undefined) throw new Error(`${task.url}: ${done.error}`);
    await during;
    return done.firstByteMs ?? [];
  }

  async received(): Promise<NonNullable<Done['received']>> {
    const { received, error } = await this.#ask({ count: true });
    if (received === undefined) throw new Error(error ?? 'the client did not count');
    return received;
  }

  #ask(question: Question, opened?: () => void): Promise<Done> {
    const id = this.#asked++;
    return new Promise((resolve) => {
      this.#waiting.set(id, (done) => {
        if (done.open === true) {
          opened?.();
          return;
        }
        this.#waiting.delete(id);
        resolve(done);
      });
      this.#child.send({ id, ...question } satisfies Asked, (error) => {
        if (error !== null) this.#waiting.get(id)?.({ id, error: `the client is gone: ${error.message}` });
      });
    });
  }
}
