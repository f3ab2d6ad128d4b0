/** Exchanges of callers that show a credential to Sluice itself: right ones, wrong ones, near misses. */
import type { PlaceName } from './places.ts';
import { bare, chat, type MakeExchange, post, websocket } from './request-bytes.ts';
import type { Secret } from './secrets.ts';

type Secrets = Readonly<Record<PlaceName, Secret>>;
/** Header lines that say who calls. */
type Who = (secrets: Secrets, turn: number) => readonly string[];

const bearer =
  (place: PlaceName, change = (text: string) => text): Who =>
  (secrets) => [`Authorization: Bearer ${change(secrets[place].text)}`];
const header =
  (name: string, place: PlaceName): Who =>
  (secrets) => [`${name}: ${secrets[place].text}`];

const asBearer = bearer('key of a caller as Bearer');
const asApiKey = header('X-Api-Key', 'key of a caller as x-api-key');
const asToken = bearer('token of a caller');

/** The id of a player, and what else names players. */
function player(secrets: Secrets, place: PlaceName = 'id of a player'): string[] {
  return [`x-player-id: ${secrets[place].text}`, `Cookie: ${secrets.cookie.text}`, `baggage: ${secrets.baggage.text}`];
}

/** An exchange on one route, or by turns on the two that let in who is known. */
function by(who: Who, lines: readonly string[] = [], route?: string, place?: PlaceName): MakeExchange {
  return (secrets, turn) => ({
    bytes: post(secrets, turn, route ?? inTurn(turn), chat(secrets), lines, [
      ...who(secrets, turn),
      ...player(secrets, place),
    ]),
    ...(lines.includes('x-play: cut') && { options: { mayEndInError: true } }),
  });
}

/** Every dozen the other one; the turns of a kind are far enough apart that each kind comes to both. */
function inTurn(turn: number): string {
  return Math.floor(turn / 12) % 2 === 0 ? '/callers' : '/callers-passing';
}

function websocketBy(who: Who, route: string): MakeExchange {
  return websocket(route, [], (secrets, turn) => [...who(secrets, turn), ...player(secrets)]);
}

/** `alg: none` (RFC 8725 §3.1): the claims of a good token, and nobody's signature. */
function unsigned(token: string): string {
  const none = Buffer.from('{"alg":"none","typ":"JWT"}').toString('base64url');
  return `${none}.${token.split('.')[1]}.`;
}

const inShadow = '/callers-in-shadow';

/** Every kind of exchange with callers. */
export const callerKinds: readonly MakeExchange[] = [
  // Known, on the route that strips and on the one that passes credentials.
  ...['/callers', '/callers-passing'].flatMap((route) => [
    by(asBearer, [], route),
    by(asApiKey, [], route),
    by(header('x-goog-api-key', 'key of a caller as x-goog-api-key'), [], route),
    by(bearer('key of a caller in a file'), [], route),
    by(bearer('key of a caller in a file after its swap'), [], route),
    by(asToken, [], route),
  ]),
  by(asToken, ['x-play: stream']),
  by(asApiKey, ['x-play: cut']),
  by(asBearer, ['x-play: reset before the head']),
  by(asToken, ['Expect: 100-continue']),
  websocketBy(asToken, '/callers'),
  websocketBy(asToken, '/callers-passing'),
  websocketBy(asApiKey, '/callers-passing'),
  websocketBy(header('x-goog-api-key', 'key of a caller as x-goog-api-key'), '/callers'),
  // The same credential once more where it does not belong.
  by((secrets, turn) => [...asBearer(secrets, turn), `x-copy: ${secrets['key of a caller as Bearer'].text}`]),
  (secrets, turn) => {
    const path = `/callers-passing/v1/models/${secrets['key of a caller as x-api-key'].text}`;
    return { bytes: bare(secrets, turn, 'GET', path, [], undefined, asApiKey(secrets, turn)) };
  },
  // Refused.
  by(bearer('expired key of a caller')),
  by(bearer('key that is not known')),
  by(bearer('key of a caller as Bearer', (text) => text.slice(0, -1))),
  by(bearer('key of a caller as Bearer', (text) => text.toUpperCase())),
  by(bearer('key of a caller as Bearer', (text) => `${text}, ${text}`)),
  by((secrets, turn) => [...asBearer(secrets, turn), ...asApiKey(secrets, turn)]),
  by((secrets, turn) => [...asApiKey(secrets, turn), ...asApiKey(secrets, turn)]),
  by((secrets) => [`Authorization: Basic ${btoa(`caller:${secrets['key of a caller as Bearer'].text}`)}`]),
  by(bearer('expired token')),
  by(bearer('token for somebody else')),
  by(bearer('token of an issuer that is not known')),
  by(bearer('token of a caller', (text) => text.slice(0, -2))),
  by(bearer('token of a caller', unsigned)),
  websocketBy(bearer('key that is not known'), '/callers-passing'),
  websocketBy(bearer('expired token'), '/callers-passing'),
  // Looked at only: what is recognised stays here all the same.
  by(asBearer, [], inShadow),
  by(asApiKey, [], inShadow),
  by(asToken, [], inShadow),
  by(bearer('expired key of a caller'), [], inShadow),
  by(bearer('expired token'), [], inShadow),
  by(bearer('key that is not known in shadow mode'), [], inShadow),
  by(bearer('token of an issuer that is not known, in shadow mode'), [], inShadow),
  websocketBy(asToken, inShadow),
  websocketBy(asBearer, inShadow),
  // Players.
  by(asBearer, ['x-limit: player']),
  by(asToken, [], undefined, 'long id of a player'),
  by(asBearer, [], undefined, 'id of a player that is not valid'),
];
