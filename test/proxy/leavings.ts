/** The phases in which a client can leave, each set up anew for every sample, and what has to be closed then. */
import diagnostics from 'node:diagnostics_channel';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import Type from 'typebox';
import { definePolicy, type Outcome } from '../../src/policy.ts';
import { Arrivals } from '../support/arrivals.ts';
import type { Scope } from '../support/close-after.ts';
import { connectRaw, type RawClient } from '../support/raw-client.ts';
import { startRawUpstream } from '../support/raw-upstream.ts';
import { type Proxy as Sluice, startProxy } from '../support/start-proxy.ts';

/** How a client leaves. */
export const leavings = { FIN: (c: RawClient) => c.destroy(), RST: (c: RawClient) => c.reset() } as const;

/** A client that is about to leave. */
export interface Sample {
  readonly client: RawClient;
  /** The moment at which the upstream's connection has been closed; left out where there is none. */
  readonly stopped?: Promise<{ readonly at: number }>;
}

/** One phase. */
export interface LeavingPhase {
  readonly proxy: Sluice;
  /** The next end of an exchange, told by its hook. */
  readonly ends: Arrivals<Outcome & { readonly at: number }>;
  /** Brings a client there. */
  arrive(): Promise<Sample>;
}

const request = (path: string, length = 2) =>
  `POST /openai${path} HTTP/1.1\r\nhost: x\r\ncontent-length: ${length}\r\n\r\n{}`;
const head = 'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n';
const none = Type.Object({}, { additionalProperties: false });

/** Tells ends, and holds requests to `/wait` and `/wait-with-hooks` until their client has left. */
export function probe() {
  const ends = new Arrivals<Outcome & { at: number }>();
  const held = new Arrivals<true>();
  const end = (outcome: Outcome) => ends.push({ ...outcome, at: performance.now() });
  const watch = definePolicy({
    name: 'watch',
    summary: 'Tells ends.',
    schema: none,
    setup: () => ({ request: () => ({ end }) }),
  });
  const hold = definePolicy({
    name: 'hold',
    summary: 'Waits.',
    schema: none,
    setup: () => ({
      request(ctx) {
        if (ctx.out.path !== '/wait' && ctx.out.path !== '/wait-with-hooks') return undefined;
        held.push(true);
        return once(ctx.signal, 'abort').then(() => (ctx.out.path === '/wait' ? undefined : { end }));
      },
    }),
  });
  return { ends, held, policies: [watch, hold] };
}

const listed = [{ policy: 'watch' }, { policy: 'hold' }];

/** While a policy makes it wait: nothing may reach the upstream, so its end is what is waited for. */
export async function whileAPolicyWaits(t: Scope, path = '/wait'): Promise<LeavingPhase> {
  const { ends, held, policies } = probe();
  const refuse = () => {
    throw new Error('a request whose client has left reached the upstream');
  };
  const upstream = await startRawUpstream(refuse, { t, onConnection: refuse });
  const proxy = await startProxy({ upstream: upstream.url, policies: listed }, { t, policies });
  return {
    proxy,
    ends,
    async arrive() {
      const client = await connectRaw(proxy.url, { t });
      await client.send(request(path));
      await held.next();
      return { client };
    },
  };
}

/** TCP is there, and the TLS handshake is never answered. */
export async function beforeTheConnection(t: Scope): Promise<LeavingPhase> {
  const { ends, policies } = probe();
  const accepted = new Arrivals<Socket>();
  const server = createServer((socket) => accepted.push(socket));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const proxy = await startProxy({ upstream: url, policies: listed }, { t, policies });
  return {
    proxy,
    ends,
    async arrive() {
      const client = await connectRaw(proxy.url, { t });
      await client.send(request('/x'));
      const socket = await accepted.next();
      const stopped = new Promise<{ at: number }>((resolve) => {
        const closed = () => resolve({ at: performance.now() });
        socket.on('error', closed).on('end', closed).on('close', closed).resume();
      });
      return { client, stopped };
    },
  };
}

/** The upstream has the request and has not answered, or streams. */
export async function onTheWay(t: Scope, streaming: boolean): Promise<LeavingPhase> {
  const { ends, policies } = probe();
  const upstream = await startRawUpstream((exchange) => void (streaming && exchange.write(`${head}2\r\nhi\r\n`)), {
    t,
  });
  const proxy = await startProxy({ upstream: upstream.url, policies: listed }, { t, policies });
  return {
    proxy,
    ends,
    async arrive() {
      const client = await connectRaw(proxy.url, { t });
      await client.send(request('/x'));
      const exchange = await upstream.nextExchange();
      if (streaming) await client.arrival('hi');
      return { client, stopped: exchange.closed };
    },
  };
}

/**
 * 5 MB are announced, most of them sent, and the upstream reads none: it could not see an end behind them, so it is the
 * proxy's own socket to it that is watched.
 */
export async function withALargeBodyUnread(t: Scope, heldBack: boolean): Promise<LeavingPhase> {
  const { ends, policies } = probe();
  const upstream = await startRawUpstream(({ socket }) => void socket.pause(), { t, on: 'head' });
  const server = heldBack ? { server: { max_peek_bytes: '64KiB', replay_bytes: '64KiB' } } : {};
  const proxy = await startProxy({ upstream: upstream.url, policies: listed, extra: server }, { t, policies });
  const opened: Socket[] = [];
  const onSocket = (message: unknown) => void opened.push((message as { socket: Socket }).socket);
  diagnostics.subscribe('net.client.socket', onSocket);
  t.after(() => diagnostics.unsubscribe('net.client.socket', onSocket));
  const body = Buffer.alloc(4_900_000, 97);
  return {
    proxy,
    ends,
    async arrive() {
      const client = await connectRaw(proxy.url, { t });
      client.socket.on('error', () => {});
      await client.send(request('/x', 5_000_000));
      const { socket } = await upstream.nextExchange();
      if (heldBack) await fill(client);
      else await client.send(body);
      const own = opened.find(({ localPort }) => localPort === socket.remotePort);
      if (own === undefined) throw new Error('the socket to the upstream was not seen');
      opened.length = 0;
      const stopped = new Promise<{ at: number }>((resolve) => {
        own.on('close', () => resolve({ at: performance.now() }));
      });
      stopped.then(() => socket.destroy()).catch(() => undefined);
      return { client, stopped };
    },
  };
}

/** Sends until nothing more is taken for a while. */
async function fill(client: RawClient): Promise<void> {
  const block = Buffer.alloc(64 * 1024, 97);
  for (let taken = true; taken; ) {
    const sent = client.send(block).then(
      () => true,
      () => false,
    );
    taken = await Promise.race([sent, new Promise<false>((resolve) => setTimeout(resolve, 30, false))]);
  }
}
