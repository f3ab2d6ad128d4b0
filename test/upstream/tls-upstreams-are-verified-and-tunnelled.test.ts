import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { createConnector } from '../../src/upstream/connector.ts';
import { startProvider } from '../support/fake-provider.ts';
import { selfSignedCertificate } from '../support/self-signed-certificate.ts';
import { yamlFile } from '../support/spawn-sluice.ts';
import { startProxy } from '../support/start-proxy.ts';

/** A CONNECT proxy that notes whom it was asked for. */
async function startEgress(t: TestContext) {
  const asked: string[] = [];
  const authorizations: (string | undefined)[] = [];
  const server = createServer();
  server.on('connect', (request, socket: Socket) => {
    asked.push(request.url ?? '');
    authorizations.push(request.headers['proxy-authorization']);
    const through = connect(Number(request.url?.split(':').at(-1)), '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n');
      through.pipe(socket).pipe(through);
    });
    for (const one of [socket, through]) one.on('error', () => {}).on('close', () => through.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  return { asked, authorizations, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

async function codeOf(url: string): Promise<string> {
  const answer = await fetch(`${url}/openai/v1/models`);
  return answer.ok ? '200' : `${answer.status} ${((await answer.json()) as { code: string }).code}`;
}

test('an upstream that asks for a client certificate gets it, and refuses who has none', async (t) => {
  const server = selfSignedCertificate();
  const client = selfSignedCertificate('game');
  const provider = await startProvider({ t, tls: { ...server, ca: client.cert, requestCert: true } });
  const ca = { file: await yamlFile(server.cert, { t }) };
  const cert = { file: await yamlFile(client.cert, { t }) };
  const key = { file: await yamlFile(client.key, { t }) };
  const without = await startProxy({ upstream: provider.url, upstreamOptions: { tls: { ca } } }, { t });
  assert.match(await codeOf(without.url), /^502 upstream_(?:tls|reset)$/);
  const own = await startProxy({ upstream: provider.url, upstreamOptions: { tls: { ca, cert, key } } }, { t });
  assert.equal(await codeOf(own.url), '200');
});

test('TLS goes end to end through the tunnel of egress_proxy and is verified; NO_PROXY goes directly', async (t) => {
  const certificate = selfSignedCertificate();
  const provider = await startProvider({ t, tls: certificate });
  const egress = await startEgress(t);
  const ca = { file: await yamlFile(certificate.cert, { t }) };
  const options = { egress_proxy: egress.url, tls: { ca } };
  const tunnelled = await startProxy({ upstream: provider.url, upstreamOptions: options }, { t });
  assert.equal(await codeOf(tunnelled.url), '200');
  assert.deepEqual(egress.asked, [`127.0.0.1:${provider.port}`]);
  const strict = await startProxy({ upstream: provider.url, upstreamOptions: { egress_proxy: egress.url } }, { t });
  assert.equal(await codeOf(strict.url), '502 upstream_tls');
  assert.equal(egress.asked.length, 2);
  const env = { NO_PROXY: 'example.com,127.0.0.1' };
  const direct = await startProxy({ upstream: provider.url, upstreamOptions: options }, { t, env });
  assert.equal(await codeOf(direct.url), '200');
  assert.equal(egress.asked.length, 2);
});

test('user and password of egress_proxy are sent decoded; a percent sign that encodes nothing stands for itself', async (t) => {
  const provider = await startProvider({ t });
  const egress = await startEgress(t);
  for (const [written, meant] of [
    ['us%40er:p%3Aw', 'us@er:p:w'],
    ['u%zz:100%', 'u%zz:100%'],
  ] as const) {
    const options = { egress_proxy: egress.url.replace('//', `//${written}@`) };
    const proxy = await startProxy({ upstream: provider.url, upstreamOptions: options }, { t });
    assert.equal(await codeOf(proxy.url), '200');
    assert.equal(egress.authorizations.at(-1), `Basic ${Buffer.from(meant).toString('base64')}`);
  }
});

test('a certificate for another name is refused', async (t) => {
  const certificate = selfSignedCertificate();
  const provider = await startProvider({ t, tls: certificate });
  const ca = { file: await yamlFile(certificate.cert, { t }) };
  // It names 127.0.0.1 and not 127.0.0.2; both lead to the provider through the tunnel.
  const egress = await startEgress(t);
  const options = { egress_proxy: egress.url, tls: { ca } };
  const other = await startProxy({ upstream: `https://127.0.0.2:${provider.port}`, upstreamOptions: options }, { t });
  assert.equal(await codeOf(other.url), '502 upstream_tls');
});

test('a certificate without a key, or a key without a certificate, that is none is told at the start', async (t) => {
  const file = await yamlFile('nonsense', { t });
  for (const part of ['cert', 'key']) {
    const options = { tls: { [part]: { file } } };
    await assert.rejects(startProxy({ upstream: 'https://127.0.0.1:1', upstreamOptions: options }, { t }), /upstreams/);
  }
});

test('a certificate that went bad behind the check fails the connection, and throws at nobody', async () => {
  const tls = { cert: Buffer.from('nonsense') };
  const connect = createConnector({ connectMs: 1000, allowPrivate: true, tls, egressProxy: undefined });
  const failed = Promise.withResolvers<Error | null>();
  connect({ hostname: '127.0.0.1', protocol: 'https:', port: 1 }, (...[error]) => failed.resolve(error));
  const error = await failed.promise;
  assert.ok(error !== null && 'problem' in error);
  assert.equal(error.problem, 'upstream_tls');
});

test('a ca that holds no certificate, and a pipe in its place, are told at a reload; what runs stays', async (t) => {
  const certificate = selfSignedCertificate();
  const provider = await startProvider({ t, tls: certificate });
  const withCa = (file: string) => ({ upstream: provider.url, upstreamOptions: { tls: { ca: { file } } } });
  // Text before a certificate is a comment.
  const good = await yamlFile(`Our own CA\n${certificate.cert}`, { t });
  const proxy = await startProxy(withCa(good), { t });
  const half = await yamlFile(certificate.cert.slice(0, 100), { t });
  await assert.rejects(proxy.reload(withCa(half)), /begins with no certificate/);
  const pipe = `${half}.pipe`;
  execFileSync('mkfifo', [pipe]);
  // Without a writer to come, reading it would stop the process for ever.
  const writer = spawn('sh', ['-c', 'sleep 3; : > "$0"', pipe], { stdio: 'ignore' });
  t.after(() => writer.kill());
  await assert.rejects(proxy.reload(withCa(pipe)), /is no regular file/);
  assert.equal(await codeOf(proxy.url), '200');
});
