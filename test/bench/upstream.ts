/** The provider of the benches, in a process of its own: 1.7 KB of JSON, or a stream of so many events. Says its port. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { EVENTS } from './load.ts';

const usage = { prompt_tokens: 300, completion_tokens: EVENTS, total_tokens: 300 + EVENTS };
const answer = Buffer.from(
  JSON.stringify({
    id: 'chatcmpl-1',
    object: 'chat.completion',
    model: 'gpt-4o',
    choices: [{ index: 0, message: { role: 'assistant', content: 'x'.repeat(1450) }, finish_reason: 'stop' }],
    usage,
  }),
);
const chunk = (delta: object, finish: string | null) => ({
  id: 'chatcmpl-1',
  object: 'chat.completion.chunk',
  created: 1_790_000_000,
  model: 'gpt-4o',
  choices: [{ index: 0, delta, finish_reason: finish }],
});
const events = [
  ...Array.from({ length: EVENTS }, (_, i) => chunk({ content: ` word${i}` }, null)),
  chunk({}, 'stop'),
  { ...chunk({}, null), choices: [], usage },
].map((event) => Buffer.from(`data: ${JSON.stringify(event)}\n\n`));
events.push(Buffer.from('data: [DONE]\n\n'));

const server = createServer((request, response) => {
  request.resume();
  if (request.headers['x-stream'] === undefined) {
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': answer.length }).end(answer);
    return;
  }
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  const left = events.values();
  // Each event in a turn of the loop and a packet of its own, as a model sends them.
  const next = () => {
    const { value, done } = left.next();
    if (done) {
      response.end();
      return;
    }
    response.write(value);
    setImmediate(next);
  };
  next();
});
server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port));
process.on('disconnect', () => process.exit(0));
