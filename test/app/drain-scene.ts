/** A Sluice in a process of its own with everything that can be under way when it is told to stop. */
import type { TestContext } from 'node:test';
import { stringify } from 'yaml';
import { startProvider } from '../support/fake-provider.ts';
import { type OpenStream, openStreams } from '../support/open-streams.ts';
import { connectRaw, type RawClient } from '../support/raw-client.ts';
import { type RawExchange, startRawUpstream } from '../support/raw-upstream.ts';
import { type SluiceProcess, spawnSluice, yamlFile } from '../support/spawn-sluice.ts';

const handshake = [
  'GET /raw/realtime HTTP/1.1',
  'host: x',
  'connection: Upgrade',
  'upgrade: websocket',
  'sec-websocket-version: 13',
  'sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==',
  '\r\n',
].join('\r\n');
const switching =
  'HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n';

/** A client and what the upstream has of it. */
export interface Pair {
  readonly client: RawClient;
  readonly upstream: RawExchange;
}

/** What {@link startScene} has under way. */
export interface Scene {
  readonly sluice: SluiceProcess;
  readonly url: string;
  readonly adminUrl: string;
  /** Streams whose first event has come; the others come when they are let go. */
  readonly streams: { readonly openai: readonly OpenStream[]; readonly anthropic: readonly OpenStream[] };
  letGo(): void;
  readonly webSocket: Pair;
  /** A request that has the only slot, and one that waits for it. */
  readonly running: Pair;
  readonly queued: RawClient;
  /** Of its 10 bytes 5 have been sent. */
  readonly upload: RawClient;
  /** Sends a request, and begins its answer on the raw upstream with these bytes. */
  begin(bytes: string): Promise<Pair>;
  /** Answers the next request that comes to the raw upstream. */
  answerNext(bytes: string): Promise<void>;
}

/** Starts it with that `server.drain`, and brings everything under way. */
export async function startScene(t: TestContext, drain: string): Promise<Scene> {
  const gate = Promise.withResolvers<void>();
  const provider = await startProvider({ t, gate: ({ index }) => (index > 0 ? gate.promise : undefined) });
  const raw = await startRawUpstream(() => {}, { t });
  const upstream = (url: string, dialect: string) => ({ url, dialect, allow_private: true });
  const route = (name: string) => ({ path: `/${name}`, upstream: name, credentials: 'pass' });
  const names = ['openai', 'anthropic', 'raw'];
  const config = {
    listen: '127.0.0.1:0',
    admin: '127.0.0.1:0',
    upstreams: {
      openai: upstream(provider.url, 'openai'),
      anthropic: upstream(provider.url, 'anthropic'),
      raw: upstream(raw.url, 'openai'),
    },
    routes: names.map(route),
    policies: [
      {
        policy: 'concurrency',
        when: { path: '/one-at-a-time' },
        with: { limit: 1, key: 'global', queue: { size: 5, timeout: '30s' } },
      },
    ],
    server: { drain },
  };
  const sluice = spawnSluice(['--config', await yamlFile(stringify(config), { t })], {}, { t });
  const { url, adminUrl } = await sluice.ready;

  const ask = async (text: string): Promise<RawClient> => {
    const client = await connectRaw(url, { t });
    await client.send(text);
    return client;
  };
  const get = (path: string) => ask(`GET /raw${path} HTTP/1.1\r\nhost: x\r\n\r\n`);
  const begin = async (bytes: string, opening = get('/x')): Promise<Pair> => {
    const pair = { client: await opening, upstream: await raw.nextExchange() };
    await pair.upstream.write(bytes);
    return pair;
  };
  const streams = {
    openai: await openStreams(url, 100),
    anthropic: await openStreams(url, 100, {
      path: '/anthropic/v1/messages',
      headers: { 'x-api-key': 'k', 'anthropic-version': '2023-06-01' },
    }),
  };
  const webSocket = await begin(switching, ask(handshake));
  await webSocket.client.head();
  const running = await begin('', get('/one-at-a-time'));
  const queued = await get('/one-at-a-time');
  while (!/^sluice_concurrency_waiting\{.*\} 1$/m.test(await (await fetch(`${adminUrl}/metrics`)).text()));
  const upload = await ask('POST /openai/echo HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\nfirst');
  while ((await provider.nextHead()).url !== '/echo');
  return {
    sluice,
    url,
    adminUrl,
    streams,
    letGo: () => gate.resolve(),
    webSocket,
    running,
    queued,
    upload,
    begin: (bytes) => begin(bytes),
    async answerNext(bytes) {
      await (await raw.nextExchange()).write(bytes);
    },
  };
}
