/** What clients send that is theirs alone: credentials and what identifies players, on every request. */
import type { PlaceName } from './places.ts';
import type { Secret } from './secrets.ts';

type Secrets = Readonly<Record<PlaceName, Secret>>;

/** Header lines with every credential that a client may send; `turn` alternates where only one can be sent at a time. */
export function secretHeaders(secrets: Secrets, turn: number): string[] {
  const value = (name: PlaceName) => secrets[name].text;
  const user = Buffer.from(`player:${value('proxy-authorization')}`).toString('base64');
  return [
    `Authorization: ${turn % 2 === 0 ? value('authorization') : value('formless authorization')}`,
    `X-Api-Key: ${value('x-api-key')}`,
    `api-key: ${value('api-key')}`,
    `x-goog-api-key: ${value('x-goog-api-key')}`,
    `Cookie: theme=dark; ${value('cookie')}`,
    `Proxy-Authorization: Basic ${user}`,
    `Forwarded: ${value('forwarded')};proto=https`,
    `X-Forwarded-For: 203.0.113.9, ${value('x-forwarded-for')}`,
    `X-Forwarded-Host: ${value('x-forwarded-host')}`,
    `X-Real-IP: ${value('x-real-ip')}`,
    `baggage: ${value('baggage')}`,
  ];
}

/** A query with every key that a client may send there, and text of a player. */
export function secretQuery(secrets: Secrets): string {
  const value = (name: PlaceName) => secrets[name].text;
  return `?alt=sse&key=${value('?key=')}&note=${value('query string')}&api_key=${value('?api_key=')}`;
}

/** Subprotocols of a WebSocket handshake as browsers' SDKs offer them. */
export function secretSubprotocols(secrets: Secrets): string {
  return `realtime, ${secrets['key in a subprotocol'].text}, ${secrets['token in a subprotocol'].text}`;
}

/** Headers of clients that name players, for a route that is told to pass them on. */
export const PLAYER_HEADERS = ['cookie', 'forwarded', 'x-forwarded-for', 'x-forwarded-host', 'x-real-ip', 'baggage'];
