/** An upstream that believes nothing: it reads strictly, keeps every byte, and has Node's parser read them again at the end. */
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import type { NodeReader } from './node-reader.ts';
import { StrictReader, type StrictRequest } from './strict-reader.ts';

/** Who is told. */
export interface UpstreamWatcher {
  /** A whole request with that id has been read. */
  arrived(id: string, request: StrictRequest): void;
  /** The tunnel behind the handshake with that id has ended. */
  tunnelled(id: string, bytes: string): void;
  /** Something is wrong on a connection; `id` is the last that was read on it. */
  violated(id: string | undefined, what: string): void;
}

/** An upstream that is listening. */
export interface RecordingUpstream {
  readonly url: string;
  /** Connections so far. */
  readonly connections: number;
  /** Requests so far, as read by Node's parser. */
  readonly readByNode: number;
  close(): Promise<void>;
}

/** A connection is closed after so many requests, so that what is kept of it stays small. */
const mostRequests = 100;

/** Starts one on a free port. It answers each request once it is whole, with its id. */
export async function startRecordingUpstream(node: NodeReader, watcher: UpstreamWatcher): Promise<RecordingUpstream> {
  const open = new Set<Socket>();
  let connections = 0;
  let readByNode = 0;
  let host = '';
  const server = createServer({ noDelay: true, allowHalfOpen: true }, (socket) => {
    connections++;
    open.add(socket);
    const bytes: Buffer[] = [];
    const read: StrictRequest[] = [];
    const reader = new StrictReader(host);
    const lastId = () => read.at(-1)?.fields.get('x-fuzz-id');
    let violated = false;
    socket.on('error', () => undefined);
    socket.on('end', () => socket.end());
    socket.on('data', (chunk) => {
      bytes.push(chunk);
      if (violated) return;
      try {
        for (const request of reader.push(chunk)) {
          read.push(request);
          const id = request.fields.get('x-fuzz-id');
          if (id === undefined) throw new Error(`a request that no exchange sent: ${request.method} ${request.target}`);
          watcher.arrived(id, request);
          socket.write(answer(request, id, read.length >= mostRequests));
          if (read.length >= mostRequests) socket.end();
        }
      } catch (error) {
        violated = true;
        const raw = Buffer.concat(bytes).toString('latin1').slice(-2_000);
        const id = [...raw.matchAll(/x-fuzz-id: (\S+)/g)].at(-1)?.[1];
        watcher.violated(
          id,
          `${error instanceof Error ? error.message : String(error)}; received: ${JSON.stringify(raw)}`,
        );
        socket.destroy();
      }
    });
    socket.on('close', () => {
      open.delete(socket);
      const reading = node.read([Buffer.concat(bytes)]);
      const whole = reading.requests.filter(({ complete }) => complete);
      readByNode += whole.length;
      if (reader.tunnel !== undefined) watcher.tunnelled(lastId() ?? '', reader.tunnel);
      if (violated) return;
      const ours = read.map(({ method, target, body }) => `${method} ${target}\n${body}`);
      const theirs = whole.map(({ method, url, body }) => `${method} ${url}\n${body}`);
      const begun = reading.requests.length - whole.length;
      if (reading.error !== undefined) watcher.violated(lastId(), `Node's parser gives up: ${reading.error}`);
      else if (ours.join('\0') !== theirs.join('\0') || begun > (reader.busy ? 1 : 0)) {
        watcher.violated(
          lastId(),
          `Node's parser reads ${JSON.stringify(theirs)} where ours reads ${JSON.stringify(ours)}`,
        );
      }
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url: `http://${host}`,
    get connections() {
      return connections;
    },
    get readByNode() {
      return readByNode;
    },
    async close() {
      // Connections tell their own end after the server has told its: what they carried is judged then.
      const closed = [server, ...open].map((one) => once(one, 'close'));
      server.close();
      for (const socket of open) socket.destroy();
      await Promise.all(closed);
    },
  };
}

function answer(request: StrictRequest, id: string, last: boolean): string {
  if (request.upgrade) {
    return `HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\nx-fuzz-id: ${id}\r\n\r\n`;
  }
  const close = last ? 'connection: close\r\n' : '';
  return `HTTP/1.1 200 OK\r\ncontent-length: 2\r\n${close}x-fuzz-id: ${id}\r\n\r\n${request.method === 'HEAD' ? '' : 'ok'}`;
}
