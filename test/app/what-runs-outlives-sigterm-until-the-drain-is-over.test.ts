import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import type { OpenStream } from '../support/open-streams.ts';
import { type Scene, startScene } from './drain-scene.ts';

/** All streams of a kind, ended without a cut. */
const ended = (streams: readonly OpenStream[]) => Promise.all(streams.map((stream) => stream.ended));

async function startDrain({ sluice }: Scene): Promise<number> {
  sluice.signal('SIGTERM');
  await sluice.logged(({ msg }) => msg === 'draining');
  return performance.now();
}

const ok = (body: string) => `HTTP/1.1 200 OK\r\ncontent-length: ${body.length}\r\n\r\n${body}`;

test('200 streams, a WebSocket, an upload and a queued request end as if nobody had said SIGTERM; exit 0', async (t) => {
  const scene = await startScene(t, '40s');
  const { sluice, url, adminUrl, streams, webSocket, running, queued, upload } = scene;
  await startDrain(scene);

  assert.equal((await fetch(`${adminUrl}/readyz`)).status, 503);
  assert.equal((await fetch(`${adminUrl}/livez`)).status, 200);
  assert.equal((await fetch(`${url}/openai/v1/models`)).status, 200);
  const fresh = await scene.begin(ok('fresh'));
  assert.equal((await fresh.client.response()).body.toString(), 'fresh');

  await webSocket.client.send('ping');
  await once(webSocket.upstream.socket, 'data');
  await webSocket.upstream.write('pong');
  assert.equal(String(await webSocket.client.chunk()), 'pong');

  await upload.send('-last');
  const echoed = await upload.response();
  assert.deepEqual([echoed.status, echoed.body.toString()], [200, 'first-last']);

  await running.upstream.write(ok('one'));
  assert.equal((await running.client.response()).body.toString(), 'one');
  await scene.answerNext(ok('two'));
  assert.equal((await queued.response()).body.toString(), 'two');

  scene.letGo();
  for (const { text } of await ended(streams.openai)) assert.match(text, /data: \[DONE\]\n\n$/);
  for (const { text } of await ended(streams.anthropic)) assert.match(text, /^event: message_stop$/m);

  webSocket.client.reset();
  assert.deepEqual(await sluice.exited, { code: 0, signal: null });
  assert.equal(sluice.stdout.includes('the drain is over'), false, 'it did not wait for the deadline');
});

test('at the deadline each of them ends honestly, and not before; exit 0', async (t) => {
  const scene = await startScene(t, '1500ms');
  const { sluice, streams, webSocket, running, queued, upload } = scene;
  const event = 'data: {"id":"1","choices":[]}\n\n';
  const stream = 'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n';
  const chunk = (text: string) => `${text.length.toString(16)}\r\n${text}\r\n`;
  const halfEvent = await scene.begin(`${stream}${chunk(`${event}data: {"id"`)}`);
  const half = await scene.begin('HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nfirst');
  const finished = await scene.begin(`${stream}${chunk('data: [DONE]\n\n')}`);
  await Promise.all([halfEvent.client.arrival('data: {"id"'), half.client.arrival('first')]);
  await finished.client.arrival('[DONE]');
  const answers = [running.client, queued, upload].map((client) => client.response());
  const began = await startDrain(scene);

  for (const { text, at } of await ended(streams.openai)) {
    assert.match(text, /"code":"shutting_down"/);
    assert.doesNotMatch(text, /\[DONE\]/);
    assert.ok(at - began > 1300, `ended after ${at - began} ms`);
  }
  for (const { text, at } of await ended(streams.anthropic)) {
    assert.match(text, /\nevent: error\ndata: \{"type":"error",/);
    assert.doesNotMatch(text, /message_stop/);
    assert.ok(at - began > 1300, `ended after ${at - began} ms`);
  }
  for (const [{ client }, last] of [
    [halfEvent, 'data: {"id"\r\n'],
    [half, 'first'],
    [finished, 'data: [DONE]\n\n\r\n'],
  ] as const) {
    await client.closed;
    // Cut where it was: no event in the middle of another or behind a terminator, and no last chunk.
    assert.ok(client.received.toString().endsWith(last), client.received.toString());
  }
  for (const answer of await Promise.all(answers)) {
    assert.equal(answer.status, 503);
    assert.equal(answer.head.get('retry-after'), '1');
    assert.match(answer.body.toString(), /"code":"shutting_down"/);
  }
  await webSocket.client.closed;
  assert.deepEqual(await sluice.exited, { code: 0, signal: null });
  assert.ok(performance.now() - began < 10_000);
});
