/** An answer that the upstream did not finish never looks finished (RFC 9112 §8; law 2). */
import assert from 'node:assert/strict';
import type { RawExchange } from '../support/raw-upstream.ts';
import { chunk, type Hazard, message, type Stage, stage, type Target } from './hazard.ts';

type Act = 'FIN' | 'RST' | 'silence';

const chunked = 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n';
const counted = 'HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n';
const untilClose = 'HTTP/1.1 200 OK\r\n\r\n';

function act(exchange: RawExchange, how: Act): void {
  if (how === 'FIN') exchange.end();
  else if (how === 'RST') exchange.reset();
}

async function cut(target: Target, sent: string, timeouts: { firstByteMs?: number; idleMs?: number }): Promise<Stage> {
  return stage(target, (exchange) => void (sent === '' || exchange.write(sent)), timeouts);
}

/** Before the head is whole there is still a status to say it with. */
function beforeTheBody(how: Act, sent: string, status: number) {
  return async (target: Target) => {
    const { upstream, connect } = await cut(target, sent, how === 'silence' ? { firstByteMs: 150 } : {});
    const client = await connect();
    await client.send(message('GET /v1/x'));
    act(await upstream.nextExchange(), how);
    assert.equal((await client.response()).status, status);
  };
}

/** Within the body, only the connection can say it. */
function inTheBody(how: Act, head: string, sent: string, version = '1.1') {
  return async (target: Target) => {
    const { upstream, connect } = await cut(target, head + sent, how === 'silence' ? { idleMs: 150 } : {});
    const client = await connect();
    await client.send(message(`GET /v1/x HTTP/${version}`));
    // The head, and what has come of the body: what is cut must not be taken for a failure before it.
    await client.arrival('half');
    act(await upstream.nextExchange(), how);
    const { by } = await client.closed;
    assert.ok(!client.received.toString().endsWith('0\r\n\r\n'));
    // Without a length or chunks a FIN would say that this was all.
    if (!/transfer-encoding|content-length/i.test(client.received.toString())) assert.equal(by, 'reset');
  };
}

const halfEvent = chunk('data: half');

/** See the module. */
export const endings: readonly Hazard[] = [
  { name: 'FIN before the head is a 502', native: 'passes', run: beforeTheBody('FIN', '', 502) },
  { name: 'RST before the head is a 502', native: 'passes', run: beforeTheBody('RST', '', 502) },
  { name: 'silence before the head is a 504', native: 'fails', run: beforeTheBody('silence', '', 504) },
  { name: 'FIN in the head is a 502', native: 'passes', run: beforeTheBody('FIN', 'HTTP/1.1 200 OK\r\nconte', 502) },
  { name: 'RST in the head is a 502', native: 'passes', run: beforeTheBody('RST', 'HTTP/1.1 200 OK\r\nconte', 502) },
  {
    name: 'silence in the head is a 504',
    native: 'fails',
    run: beforeTheBody('silence', 'HTTP/1.1 200 OK\r\nconte', 504),
  },
  {
    name: 'FIN in a counted body destroys the connection',
    native: 'fails',
    run: inTheBody('FIN', counted, 'half'),
  },
  {
    name: 'RST in a counted body destroys the connection',
    native: 'passes',
    run: inTheBody('RST', counted, 'half'),
  },
  {
    name: 'silence in a counted body destroys the connection',
    native: 'fails',
    run: inTheBody('silence', counted, 'half'),
  },
  {
    name: 'FIN in a chunked body destroys the connection',
    native: 'fails',
    run: inTheBody('FIN', chunked, halfEvent),
  },
  {
    name: 'RST in a chunked body destroys the connection',
    native: 'passes',
    run: inTheBody('RST', chunked, halfEvent),
  },
  {
    name: 'silence in a chunked body destroys the connection',
    native: 'fails',
    run: inTheBody('silence', chunked, halfEvent),
  },
  {
    name: 'FIN within a chunk destroys the connection',
    native: 'fails',
    run: inTheBody('FIN', chunked, '64\r\nhalf'),
  },
  {
    name: 'RST in a body that the end of the connection ends is not its end',
    native: 'passes',
    run: inTheBody('RST', untilClose, 'half'),
  },
  {
    name: 'garbage in the place of a chunk size destroys the connection',
    native: 'fails',
    run: inTheBody('silence', chunked, `${halfEvent}garbage\r\n`),
  },
  {
    name: 'an HTTP/1.0 client, for which a FIN is the end, gets a reset',
    native: 'fails',
    run: inTheBody('FIN', chunked, halfEvent, '1.0'),
  },
];
