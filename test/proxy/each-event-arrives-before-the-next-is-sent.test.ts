import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startProvider } from '../support/fake-provider.ts';
import { connectRaw } from '../support/raw-client.ts';
import { startProxy } from '../support/start-proxy.ts';

const BODY = JSON.stringify({ model: 'gpt-4o', stream: true, messages: [] });
const TOKENS = ['One', ' two', ' thrée', ' 四', ' five'];

test('each event is a read of its own, byte for byte, while the next has not been sent', async (t) => {
  let open: (() => void) | undefined;
  const provider = await startProvider({
    t,
    tokens: TOKENS,
    gate: ({ index }) => (index === 0 ? undefined : new Promise<void>((resolve) => (open = resolve))),
  });
  const proxy = await startProxy({ upstream: provider.url }, { t });
  const client = await connectRaw(proxy.url);
  await client.send(
    `POST /openai/v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: ${BODY.length}\r\n\r\n${BODY}`,
  );
  const head = await client.head();
  const reads = client.bodyReads(head)[Symbol.asyncIterator]();
  const request = await provider.nextRequest();
  const received: Buffer[] = [];
  for (let sent = 1; ; sent++) {
    const read = await reads.next();
    if (read.done === true) break;
    received.push(read.value);
    assert.ok(request.sent.length <= sent, `read ${sent} came before event ${sent + 1} was sent`);
    assert.equal(Buffer.concat(received).toString(), request.sentBytes.toString());
    open?.();
  }
  assert.equal(Buffer.concat(received).toString(), request.sentBytes.toString());
  assert.ok(received.length >= TOKENS.length);
});

test('with an event every 50 ms, each one is on its way at once and the head comes before the first', async (t) => {
  const provider = await startProvider({ t, tokens: TOKENS, gapMs: 50 });
  const proxy = await startProxy({ upstream: provider.url }, { t });
  const answer = await fetch(`${proxy.url}/openai/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: BODY,
  });
  const [request] = provider.requests;
  assert.ok(answer.body && request);
  const delays: number[] = [];
  for await (const _ of answer.body) {
    delays.push(performance.now() - (request.sent[delays.length]?.at ?? Number.NaN));
  }
  assert.equal(delays.length, request.sent.length);
  // The middle one: a busy machine may hold up any of them.
  const middle = delays.sort((a, b) => a - b)[delays.length >> 1] ?? Number.NaN;
  assert.ok(middle < 45, `${middle} ms: it arrived before the next one was sent`);
});
