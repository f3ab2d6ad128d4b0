/** Clients that keep a fleet busy. None of them waits for ever: a request without an answer is a fault, and is described. */
import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type CountingUpstream, type Fleet, send } from './slot-fleet.ts';

/** A queue, Redis and the upstream take 2.5 s together; several times that where the machine is busy with other things. */
const ANSWER_MS = 10_000;

/**
 * Keeps so many clients busy until told to stop; one in five of their requests leaves at a random moment.
 * @returns what ends it and gives how often each status came; it rejects when a request got no answer
 */
export function busyClients(
  t: TestContext,
  { fleet, upstream, count }: { readonly fleet: Fleet; readonly upstream: CountingUpstream; readonly count: number },
): () => Promise<Map<number, number>> {
  let running = true;
  let requests = 0;
  const statuses = new Map<number, number>();
  const unanswered: string[] = [];

  const describe = async (index: number, path: string, begun: boolean) => {
    const standing = await fleet.standing(index).catch((error: unknown) => [`no metrics: ${error}`]);
    const fate = `at the upstream it ${upstream.fateOf(path)}`;
    return [`${path} got ${begun ? 'half an' : 'no'} answer of process ${index}; ${fate}`, ...standing].join('\n  ');
  };

  const one = async (client: number) => {
    const index = client % fleet.urls.length;
    while (running) {
      const path = `/x${++requests}`;
      const sent = send(`${fleet.urls[index]}/openai${path}`);
      let begun = false;
      void sent.begun.then((has) => {
        begun = has;
      });
      if (Math.random() < 0.2) {
        setTimeout(() => sent.leave(Math.random() < 0.5 ? 'FIN' : 'RST'), Math.random() * 400);
      }
      const patience = new AbortController();
      const late = sleep(ANSWER_MS, 'late' as const, { signal: patience.signal });
      // Given up on below.
      late.catch(() => undefined);
      const status = await Promise.race([sent.status, late]);
      patience.abort();
      if (status === 'late') {
        unanswered.push(await describe(index, path, begun));
        sent.leave('RST');
        continue;
      }
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
      // As SDKs do.
      if (status === 429 || status === 503) await sleep(20 + Math.random() * 50);
    }
  };

  const all = Promise.all(Array.from({ length: count }, (_, client) => one(client)));
  const stop = async () => {
    running = false;
    await all;
    if (unanswered.length > 0) throw new Error(unanswered.join('\n'));
    return statuses;
  };
  // A test that has failed before it stopped them must not leave them busy for ever.
  t.after(() => {
    running = false;
  });
  return stop;
}
