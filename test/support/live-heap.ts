/** How much of another process's heap is really in use: garbage is collected first, through Node's inspector. */
import { once } from 'node:events';
import WebSocket from 'ws';

/** Of `NODE_OPTIONS` of the process that is to be looked into. */
export const INSPECTABLE = '--inspect=127.0.0.1:0';

interface Answer {
  readonly id?: number;
  readonly result?: { readonly usedSize?: number };
}

/** Bytes of heap that are alive. The process was started with {@link INSPECTABLE}; `stderr` is what it has said there. */
export async function liveHeap(stderr: string): Promise<number> {
  const url = /ws:\/\/\S+/.exec(stderr)?.[0];
  if (url === undefined) throw new Error(`the process does not say where its inspector is:\n${stderr}`);
  const socket = new WebSocket(url);
  await once(socket, 'open');
  try {
    await call(socket, 1, 'HeapProfiler.collectGarbage');
    const { result } = await call(socket, 2, 'Runtime.getHeapUsage');
    if (result?.usedSize === undefined) throw new Error('the inspector does not tell the size of the heap');
    return result.usedSize;
  } finally {
    socket.terminate();
  }
}

async function call(socket: WebSocket, id: number, method: string): Promise<Answer> {
  socket.send(JSON.stringify({ id, method }));
  for (;;) {
    const [data] = (await once(socket, 'message')) as [Buffer];
    const answer = JSON.parse(data.toString()) as Answer;
    if (answer.id === id) return answer;
  }
}
