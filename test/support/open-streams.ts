import { once } from 'node:events';
import { Agent, type IncomingMessage, request } from 'node:http';

/** A streamed answer of which the first bytes have come. */
export interface OpenStream {
  /** The whole text and when it had ended (`performance.now()`); rejects when it was cut. */
  readonly ended: Promise<{ readonly text: string; readonly at: number }>;
}

/** How they are asked for. */
export interface StreamOptions {
  /** Default `/openai/v1/chat/completions`. */
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Opens so many streams, each on a connection of its own, and waits for the first bytes of each. */
export async function openStreams(url: string, howMany: number, options: StreamOptions = {}): Promise<OpenStream[]> {
  return Promise.all(Array.from({ length: howMany }, () => openStream(url, options)));
}

const agent = new Agent({ keepAlive: false });

async function openStream(url: string, options: StreamOptions): Promise<OpenStream> {
  const headers = { 'content-type': 'application/json', ...options.headers };
  const sent = request(`${url}${options.path ?? '/openai/v1/chat/completions'}`, { method: 'POST', agent, headers });
  const messages = [{ role: 'user', content: 'x'.repeat(1500) }];
  sent.end(JSON.stringify({ model: 'a-model', stream: true, max_tokens: 10, messages }));
  const [response]: IncomingMessage[] = await once(sent, 'response');
  if (response?.statusCode !== 200) throw new Error(`status ${response?.statusCode}`);
  response.setEncoding('utf8');
  const begun = Promise.withResolvers<void>();
  const ended = new Promise<{ text: string; at: number }>((resolve, reject) => {
    let text = '';
    response.on('data', (part: string) => {
      text += part;
      begun.resolve();
    });
    response.on('end', () => resolve({ text, at: performance.now() })).on('error', reject);
  });
  // Whoever waits for it later gets the error all the same.
  ended.catch(begun.reject);
  await begun.promise;
  return { ended };
}
