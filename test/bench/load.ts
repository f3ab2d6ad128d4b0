/** The client of the benches, in a process of its own: it is told a {@link Task}, and says when it is done. */
import { Pool } from 'undici';

/** Events with output of a streamed answer. */
export const EVENTS = 30;

/** So many requests to one Sluice. */
export interface Task {
  readonly url: string;
  readonly requests: number;
  readonly stream: boolean;
}

const CONCURRENCY = 8;
const body = JSON.stringify({ model: 'gpt-4o', messages: [{ role: 'user', content: 'y'.repeat(1400) }] });
const streamBody = JSON.stringify({ ...JSON.parse(body), stream: true, stream_options: { include_usage: true } });

async function run({ url, requests, stream }: Task): Promise<void> {
  const pool = new Pool(url, { connections: CONCURRENCY });
  let left = requests;
  const worker = async () => {
    while (left-- > 0) {
      const { statusCode, body: answer } = await pool.request({
        path: '/openai/v1/chat/completions',
        method: 'POST',
        headers: { 'content-type': 'application/json', ...(stream ? { 'x-stream': '1' } : {}) },
        body: stream ? streamBody : body,
      });
      if (statusCode !== 200) throw new Error(`status ${statusCode}`);
      await answer.dump({ limit: 1e9 });
    }
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, worker));
  await pool.close();
}

if (process.send !== undefined && process.argv[1]?.endsWith('load.ts')) {
  process.on('message', (task: Task) => {
    run(task).then(
      () => process.send?.('done'),
      (error: unknown) => process.send?.(String(error)),
    );
  });
  process.on('disconnect', () => process.exit(0));
}
