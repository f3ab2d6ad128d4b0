/** A client that leaves stops the upstream (law 3), whatever is under way, and so does a clock. Latencies are measured elsewhere. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { connectRaw, type RawClient } from '../support/raw-client.ts';
import { chunk, type Hazard, message, ok, stage, type Target } from './hazard.ts';

type Leave = 'FIN' | 'RST';

function leave(client: RawClient, how: Leave): void {
  if (how === 'RST') client.reset();
  else client.destroy();
}

function beforeTheAnswer(how: Leave) {
  return async (target: Target) => {
    const { upstream, connect } = await stage(target, () => {});
    const client = await connect();
    await client.send(message('GET /v1/x'));
    const exchange = await upstream.nextExchange();
    leave(client, how);
    await exchange.closed;
  };
}

function inTheStream(how: Leave) {
  return async (target: Target) => {
    const head = 'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n';
    const { upstream, connect } = await stage(target, head + chunk('data: 1\n\n'));
    const client = await connect();
    await client.send(message('GET /v1/x'));
    await client.arrival('data: 1');
    const exchange = await upstream.nextExchange();
    leave(client, how);
    await exchange.closed;
  };
}

/** The upload is under way: what has come may reach the upstream, but never as a whole request. */
function inTheUpload(how: Leave) {
  return async (target: Target) => {
    const { upstream, connect } = await stage(target, () => {}, { on: 'head' });
    const client = await connect();
    await client.send(`${message('POST /v1/x', 'content-length: 100')}half`);
    const exchange = await upstream.nextExchange();
    leave(client, how);
    await exchange.closed;
    await assert.rejects(exchange.body);
  };
}

/** The upstream takes the head and reads no byte more; the client has sent 2 of 5 MB. */
function whileTheUpstreamDoesNotRead(how: Leave) {
  return async (target: Target) => {
    const { upstream, connect } = await stage(target, ({ socket }) => void socket.pause(), { on: 'head' });
    const client = await connect();
    await client.send(`${message('POST /v1/x', 'content-length: 5000000')}begin`);
    const exchange = await upstream.nextExchange();
    client.socket.write(Buffer.alloc(2_000_000, 97));
    client.socket.on('error', () => {});
    await new Promise((resolve) => setTimeout(resolve, 50));
    leave(client, how);
    // It reads on after a while, as an upstream does that was busy: then it must find the end and nothing more.
    await new Promise((resolve) => setTimeout(resolve, 100));
    exchange.socket.resume();
    await exchange.closed;
    await assert.rejects(exchange.body);
  };
}

/** An upstream that takes TCP connections and never answers a TLS handshake. */
async function mutePort(target: Target): Promise<{ url: string; accepted: Promise<Socket> }> {
  const server = createServer();
  const accepted = once(server, 'connection').then(([socket]: Socket[]) => socket as Socket);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  target.scope.after(() => server.close());
  return { url: `https://127.0.0.1:${(server.address() as AddressInfo).port}`, accepted };
}

async function whileConnecting(target: Target): Promise<void> {
  const mute = await mutePort(target);
  const client = await connectRaw(await target.start(mute.url, { connectMs: 60_000 }), { t: target.scope });
  await client.send(message('GET /v1/x'));
  const socket = await mute.accepted;
  const closed = new Promise((resolve) => socket.on('error', () => {}).on('close', resolve));
  socket.resume();
  client.reset();
  await closed;
}

async function muteHandshake(target: Target): Promise<void> {
  const mute = await mutePort(target);
  const client = await connectRaw(await target.start(mute.url, { connectMs: 100 }), { t: target.scope });
  await client.send(message('GET /v1/x'));
  assert.equal((await client.response()).status, 504);
  (await mute.accepted).destroy();
}

async function whileQueued(target: Target): Promise<void> {
  const { upstream, connect } = await stage(
    target,
    (exchange) => void (exchange.url === '/v1/held' || exchange.write(ok)),
    {
      connections: 1,
    },
  );
  const [holder, waiter, next] = [await connect(), await connect(), await connect()];
  await holder.send(message('GET /v1/held'));
  const held = await upstream.nextExchange();
  await waiter.send(message('POST /v1/waiting', 'content-length: 0'));
  await next.send(message('GET /v1/next'));
  waiter.reset();
  // Whoever has answered what came after the reset, twice, has had a turn to notice it, however busy the machine.
  for (let i = 0; i < 2; i++) {
    const later = await connect();
    await later.send('no request\r\n\r\n');
    await later.closed;
  }
  await held.write(ok);
  assert.equal((await next.response()).status, 200);
  assert.deepEqual(
    upstream.exchanges.map(({ url }) => url),
    ['/v1/held', '/v1/next'],
  );
}

/** See the module. */
export const aborts: readonly Hazard[] = [
  { name: 'a client that resets before the answer stops the upstream', native: 'passes', run: beforeTheAnswer('RST') },
  { name: 'a client that closes before the answer stops the upstream', native: 'passes', run: beforeTheAnswer('FIN') },
  { name: 'a client that resets in mid-stream stops the upstream', native: 'passes', run: inTheStream('RST') },
  { name: 'a client that closes in mid-stream stops the upstream', native: 'passes', run: inTheStream('FIN') },
  { name: 'a client that resets in mid-upload leaves no whole request', native: 'passes', run: inTheUpload('RST') },
  { name: 'a client that closes in mid-upload leaves no whole request', native: 'passes', run: inTheUpload('FIN') },
  {
    name: 'a client that resets with a large body unread is noticed',
    native: 'passes',
    run: whileTheUpstreamDoesNotRead('RST'),
  },
  {
    name: 'a client that closes with a large body unread is noticed',
    native: 'passes',
    run: whileTheUpstreamDoesNotRead('FIN'),
  },
  { name: 'a TLS handshake that nobody answers is a 504 in time', native: 'fails', run: muteHandshake },
  { name: 'a client that leaves during the TLS handshake ends it', native: 'passes', run: whileConnecting },
  { name: 'a client that leaves while it waits for a connection is never sent', native: 'fails', run: whileQueued },
];
