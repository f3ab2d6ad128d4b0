import { generateKeyPairSync, type KeyObject, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { exportJWK, type JWK, type JWTPayload, SignJWT } from 'jose';
import { closeAfter, type Scope } from './close-after.ts';

/** One pair of signing keys, its public half as issuers publish it. */
export interface Signer {
  readonly kid: string;
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
  readonly jwk: JWK;
}

/** Makes a pair for RS256. */
export async function rsaSigner(kid: string = randomUUID(), bits = 2048): Promise<Signer> {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: bits });
  const jwk = { ...(await exportJWK(publicKey)), kid, alg: 'RS256', use: 'sig' };
  return { kid, privateKey, publicKey, jwk };
}

/** The claims of a projected service-account token, as the API server of Kubernetes makes them. */
export function serviceAccountClaims(issuer: string, changes: JWTPayload = {}): JWTPayload {
  const now = Math.floor(Date.now() / 1000);
  return {
    iss: issuer,
    aud: ['sluice'],
    sub: 'system:serviceaccount:games:game-server',
    iat: now,
    nbf: now,
    exp: now + 3607,
    jti: randomUUID(),
    'kubernetes.io': {
      namespace: 'games',
      node: { name: 'node-1', uid: randomUUID() },
      pod: { name: 'game-0', uid: randomUUID() },
      serviceaccount: { name: 'game-server', uid: randomUUID() },
    },
    ...changes,
  };
}

/** Signs claims with RS256. */
export function sign(claims: JWTPayload, signer: Signer, header: object = {}): Promise<string> {
  return new SignJWT(claims).setProtectedHeader({ alg: 'RS256', kid: signer.kid, ...header }).sign(signer.privateKey);
}

/** A server that publishes keys, or does what a test says. */
export interface TokenIssuer {
  readonly url: string;
  /** Requests so far. */
  readonly asked: number;
  /** The Authorization of each. */
  readonly authorizations: (string | undefined)[];
  keys: readonly object[];
  /** Takes over the answer when set. */
  answer: ((response: ServerResponse) => void) | undefined;
  /** Resolves once it has been asked so many times. */
  askedTimes(times: number): Promise<void>;
}

/** Starts an issuer on a free port. */
export async function startIssuer(t: Scope, keys: readonly object[] = []): Promise<TokenIssuer> {
  const sockets = new Set<Socket>();
  let waiting: { times: number; resolve: () => void }[] = [];
  const issuer = {
    url: '',
    asked: 0,
    authorizations: [] as (string | undefined)[],
    keys,
    answer: undefined as TokenIssuer['answer'],
    async askedTimes(times: number) {
      if (issuer.asked >= times) return;
      await new Promise<void>((resolve) => waiting.push({ times, resolve }));
    },
  };
  const server = createServer((request, response) => {
    issuer.asked++;
    issuer.authorizations.push(request.headers.authorization);
    if (issuer.answer !== undefined) issuer.answer(response);
    else response.setHeader('content-type', 'application/jwk-set+json').end(JSON.stringify({ keys: issuer.keys }));
    for (const one of waiting) if (issuer.asked >= one.times) one.resolve();
    waiting = waiting.filter(({ times }) => issuer.asked < times);
  });
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  issuer.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/openid/v1/jwks`;
  closeAfter(t, async () => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return issuer;
}
