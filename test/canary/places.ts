/**
 * The table of places where a key, a credential or a prompt can be configured or sent. Each has a secret of its own. A
 * new policy that takes a secret adds its lines here, its configuration in `configuration.ts`, and what sends it, where
 * clients send it, in `client-secrets.ts`.
 */
import { makeSecret, type Secret } from './secrets.ts';

/** One place. */
export interface Place {
  /** What stands before the random part; provider-like, or nothing that anybody could recognise. */
  readonly prefix: string;
  /** The sinks where it may be; `upstream:*` is any upstream. What `upstream:X` got may come back in `passed:X`. */
  readonly own: readonly string[];
  /** Where it must have been, so that the test is known to have sent it; the first of `own` by default. */
  readonly reaches?: string;
}

/** What the test itself has written and sent: never looked at for leaks, only for what must have been there. */
export const GIVEN = 'given';

const to = (...own: string[]) => own;
const anywhere = to('upstream:*', 'passed:*');
const given = { own: to(), reaches: GIVEN };

/** Keys and passwords in the configuration, its files and the environment. */
const configured = {
  'key of an environment variable': { prefix: 'sk-proj-', own: to('upstream:openai') },
  'key of a file': { prefix: '', own: to('upstream:anthropic') },
  'formless key of an environment variable': { prefix: '', own: to('upstream:mtls') },
  'formless key of a file': { prefix: '', own: to('upstream:vllm') },
  'key of an upstream that is away': { prefix: '', own: to('upstream:away') },
  'literal header value': { prefix: '', own: to('upstream:openai') },
  'header value of a variable': { prefix: '', own: to('upstream:openai') },
  'password of Redis': { prefix: '', own: to('redis') },
  'password of the egress proxy': { prefix: '', own: to('egress proxy') },
  'header of the collector': { prefix: '', own: to('collector headers') },
  'query of the collector': { prefix: '', own: to('collector headers') },
  'comment in the YAML': { prefix: '', ...given },
  'variable that nobody reads': { prefix: '', ...given },
} satisfies Record<string, Place>;

/** Keys of pools: each is tried, and none but its own upstream gets it, however often a request goes again. */
const pooled = {
  'refused key of pool A': { prefix: 'sk-proj-', own: to('upstream:pool-a') },
  'refused key of pool A after its swap': { prefix: '', own: to('upstream:pool-a') },
  'limited key of pool A': { prefix: '', own: to('upstream:pool-a') },
  'good key of pool A': { prefix: 'sk-', own: to('upstream:pool-a') },
  'limited key of pool B': { prefix: '', own: to('upstream:pool-b') },
  'limited key of pool B after its swap': { prefix: 'sk-ant-', own: to('upstream:pool-b') },
  'good key of pool B': { prefix: '', own: to('upstream:pool-b') },
} satisfies Record<string, Place>;

/** What callers show to Sluice. It goes to nobody; in shadow mode what is not recognised goes on as the route says. */
const ofCallers = {
  'key of a caller as Bearer': { prefix: 'sk-sluice-', ...given },
  'key of a caller as x-api-key': { prefix: '', ...given },
  'key of a caller as x-goog-api-key': { prefix: 'AIzaSy', ...given },
  'key of a caller in a file': { prefix: '', ...given },
  'key of a caller in a file after its swap': { prefix: 'sk-sluice-', ...given },
  'expired key of a caller': { prefix: '', ...given },
  'key that is not known': { prefix: '', ...given },
  'key that is not known in shadow mode': { prefix: '', own: to('upstream:passing') },
  'token of a caller': { prefix: '', ...given },
  'expired token': { prefix: '', ...given },
  'token for somebody else': { prefix: '', ...given },
  'token of an issuer that is not known': { prefix: '', ...given },
  'token of an issuer that is not known, in shadow mode': { prefix: '', own: to('upstream:passing') },
  'token for the issuer of keys': { prefix: '', own: to('jwks') },
  'key of the hashes of identities': { prefix: '', ...given },
  // A limit that counts by it says so: up to 64 characters of an identity are in Redis as they are.
  'id of a player': { prefix: '', own: to('Redis keys', 'redis') },
  'long id of a player': { prefix: 'a-player-of-the-game-server-in-the-north-of-europe:', ...given },
  'id of a player that is not valid': { prefix: 'spaces are not allowed ', ...given },
} satisfies Record<string, Place>;

/** What the client sends that no upstream gets, unless its route passes it on. */
const ofClients = {
  authorization: { prefix: 'Bearer sk-proj-', own: to('upstream:passing') },
  'formless authorization': { prefix: 'Bearer ', own: to('upstream:passing') },
  'x-api-key': { prefix: '', own: to('upstream:passing') },
  'api-key': { prefix: '', own: to('upstream:passing') },
  'x-goog-api-key': { prefix: 'AIzaSy', own: to('upstream:passing') },
  '?key=': { prefix: '', own: to('upstream:passing') },
  '?api_key=': { prefix: '', own: to('upstream:passing') },
  'key in a subprotocol': { prefix: 'openai-insecure-api-key.sk-', own: to('upstream:passing') },
  'token in a subprotocol': { prefix: 'base64url.bearer.authorization.k8s.io.', own: to('upstream:passing') },
  cookie: { prefix: 'session=', own: to('upstream:passing') },
  forwarded: { prefix: 'for=', own: to('upstream:passing') },
  'x-forwarded-for': { prefix: '', own: to('upstream:passing') },
  'x-forwarded-host': { prefix: '', own: to('upstream:passing') },
  'x-real-ip': { prefix: '', own: to('upstream:passing') },
  baggage: { prefix: 'player=', own: to('upstream:passing') },
  'proxy-authorization': { prefix: '', ...given },
  'userinfo of an absolute target': { prefix: '', ...given },
  'a request that is none': { prefix: '', ...given },
} satisfies Record<string, Place>;

/** Prompts and answers: for the upstream and the client, and for nobody in between. */
const prompts = {
  prompt: { prefix: 'tell me about ', own: anywhere, reaches: 'upstream:openai' },
  'system prompt': { prefix: '', own: anywhere, reaches: 'upstream:openai' },
  'tool argument': { prefix: '', own: anywhere, reaches: 'upstream:openai' },
  'name of a player': { prefix: '', own: anywhere, reaches: 'upstream:openai' },
  'name in a multipart body': { prefix: '', own: anywhere, reaches: 'upstream:openai' },
  'query string': { prefix: '', own: anywhere, reaches: 'upstream:openai' },
  'malformed JSON': { prefix: '', own: anywhere, reaches: 'upstream:openai' },
  'malformed JSON where the model is read': { prefix: '', own: anywhere, reaches: GIVEN },
  'WebSocket frame': { prefix: '', own: anywhere, reaches: 'upstream:openai' },
  answer: { prefix: '', own: anywhere, reaches: 'passed:openai' },
  'tool call of an answer': { prefix: '', own: anywhere, reaches: 'passed:openai' },
  'error body of an upstream': { prefix: '', own: anywhere, reaches: 'passed:openai' },
  'WebSocket frame of an upstream': { prefix: '', own: anywhere, reaches: 'passed:openai' },
} satisfies Record<string, Place>;

const table = { ...configured, ...ofClients, ...pooled, ...ofCallers, ...prompts };

/** The name of a place. */
export type PlaceName = keyof typeof table;

/** Every place by name. */
export const places: Readonly<Record<PlaceName, Place>> = table;

/** A new secret for every place. */
export function makeSecrets(): Readonly<Record<PlaceName, Secret>> {
  const made = Object.entries(places).map(([name, { prefix }]) => [name, makeSecret(prefix)]);
  return Object.fromEntries(made) as Record<PlaceName, Secret>; // it has the keys of `places`
}

/** Whether a secret of a place may be in a sink. */
export function mayBeIn({ own }: Place, sink: string): boolean {
  const asUpstream = sink.replace(/^passed:/, 'upstream:');
  return own.some(
    (one) => one === sink || one === asUpstream || (one.endsWith('*') && sink.startsWith(one.slice(0, -1))),
  );
}
