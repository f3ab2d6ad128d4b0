/** The requests of the bench's client, made before they are sent. */

/** What a request says. */
export interface Message {
  /** Says what the provider answers, see `provider.ts`. */
  readonly model: string;
  /** Size of the body. */
  readonly bodyBytes: number;
  /** The header `x-player-id` has so many values in turn, instead of what the target says. */
  readonly players?: number;
}

const PLAYER = 'x-player-id: player-';
const DIGITS = 8;

/** What gives the bytes of the next request: always the same ones, but for the player. */
export function requestsOf(url: URL, headers: Readonly<Record<string, string>>, message: Message): () => Buffer {
  const { players } = message;
  if (players === undefined) {
    const bytes = requestBytes(url, headers, bodyOf(message));
    return () => bytes;
  }
  const first = { ...headers, 'x-player-id': `player-${'0'.repeat(DIGITS)}` };
  const bytes = requestBytes(url, first, bodyOf(message));
  const at = bytes.indexOf(PLAYER) + PLAYER.length;
  let player = 0;
  return () => {
    // What has been written may still be on its way.
    const next = Buffer.from(bytes);
    next.write(`${player++ % players}`.padStart(DIGITS, '0'), at, 'latin1');
    return next;
  };
}

function bodyOf({ model, bodyBytes }: Message): string {
  const body = (content: string) =>
    JSON.stringify({ model, stream: model.startsWith('sse'), messages: [{ role: 'user', content }] });
  return body('y'.repeat(Math.max(0, bodyBytes - body('').length)));
}

function requestBytes(url: URL, headers: Readonly<Record<string, string>>, body: string): Buffer {
  const lines = Object.entries({
    host: url.host,
    'content-type': 'application/json',
    'content-length': `${Buffer.byteLength(body)}`,
    ...headers,
  }).map(([name, value]) => `${name}: ${value}\r\n`);
  return Buffer.from(`POST ${url.pathname} HTTP/1.1\r\n${lines.join('')}\r\n${body}`);
}
