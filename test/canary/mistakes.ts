/** Configurations with a secret in a place where none belongs. */
import type { Secret } from './secrets.ts';

/** One mistake, as lines of `proxy.yaml`. */
export interface Mistake {
  readonly name: string;
  readonly yaml: string;
}

const GOOD = {
  upstreams: 'upstreams: { openai: { url: "http://127.0.0.1:1", dialect: openai, allow_private: true } }',
  routes: 'routes: [{ path: /openai, upstream: openai }]',
};

function policy(name: string, options: string, when = '{ upstream: openai }'): string {
  return `policies: [{ policy: ${name}, when: ${when}, with: ${options} }]`;
}

function issuer(jwks: string): string {
  return policy('client-auth', `{ jwt: [{ issuer: a, audience: a, jwks: ${jwks} }] }`);
}

/** A mistake for every place that comes to mind, each with this secret in it; `${SECRET}` is one by a variable. */
export function mistakesWith(secret: string): Mistake[] {
  const of = (name: string, ...lines: string[]): Mistake => {
    const given = new Set(lines.map((line) => line.split(':', 1)[0]));
    const rest = Object.entries(GOOD).filter(([key]) => !given.has(key));
    return { name, yaml: [...rest.map(([, line]) => line), ...lines].join('\n') };
  };
  const upstream = (more: string) => `upstreams: { openai: { ${more} } }`;
  return [
    of('a key instead of where it is', policy('key-injection', `{ keys: ["${secret}"] }`)),
    of('a key as the name of a variable', policy('key-injection', `{ keys: [{ env: "-${secret}" }] }`)),
    of(
      'a key as the name of a variable that could be one',
      policy('key-injection', `{ keys: [{ env: "gsk_${secret}" }] }`),
    ),
    of(
      'a key as the variable of a hash key',
      policy('identity', `{ header: x-player-id, hash_in_logs: true, hash_key: { env: "hf_${secret}" } }`),
    ),
    of('a key under an unknown name', policy('key-injection', `{ keys: [{ value: "${secret}" }] }`)),
    of('a key as the only option', policy('key-injection', `{ key: "${secret}" }`)),
    of(
      'a key of a caller instead of its hash',
      policy('client-auth', `{ keys: [{ hash: "${secret}", identity: a }] }`),
    ),
    of('a key of a caller as an entry', policy('client-auth', `{ keys: ["${secret}"] }`)),
    of('a key of a caller as its identity', policy('client-auth', `{ keys: [{ hash: x, identity: "a ${secret}" }] }`)),
    of('a password of a key set', issuer(`{ url: "https://u:${secret}@127.0.0.1" }`)),
    of('a token for a key set instead of where it is', issuer(`{ url: "https://127.0.0.1", token: "${secret}" }`)),
    of('a query of an issuer that is not https', issuer(`{ url: "http://issuer.test/?key=${secret}" }`)),
    of('keys as a text', policy('key-injection', `{ keys: "${secret}" }`)),
    of('keys as a text of a variable', policy('key-injection', `{ keys: "\${SECRET}" }`)),
    of('options as a text', policy('key-injection', `"${secret}"`)),
    of('the name of a header as a key', policy('key-injection', `{ keys: [{ env: A }], header: "${secret}" }`)),
    of(
      'a prefix of no text',
      policy('key-injection', `{ keys: [{ env: A }], header: { name: a, prefix: ["${secret}"] } }`),
    ),
    of('a header value with a line end', policy('headers', `{ request: { set: { x-team: "${secret}\\n" } } }`)),
    of('a header value of a variable in a list', policy('headers', `{ request: { set: { x-team: ["\${SECRET}"] } } }`)),
    of('a header that may not be set', policy('headers', `{ request: { set: { host: "${secret}" } } }`)),
    of('user and password of an upstream', upstream(`url: "https://user:${secret}@127.0.0.1"`)),
    of('user of an upstream by a variable', upstream(`url: "https://\${SECRET}@127.0.0.1"`)),
    of('a query of an upstream', upstream(`url: "https://127.0.0.1/?key=${secret}"`)),
    of('a password in a URL that is none', upstream(`url: "user:${secret}@127.0.0.1"`)),
    of('a key of an upstream', upstream(`url: "http://127.0.0.1", allow_private: true, api_key: "${secret}"`)),
    of('a text as a certificate', upstream(`url: "https://127.0.0.1", tls: { key: "${secret}" }`)),
    of(
      'a password of an egress proxy in a URL that is none',
      upstream(`url: "http://127.0.0.1", egress_proxy: "https://u:${secret}@127.0.0.1"`),
    ),
    of('Redis with another scheme', `redis: { url: "http://:${secret}@127.0.0.1" }`),
    of('Redis with a port that is none', `redis: { url: "redis://:${secret}@127.0.0.1:port" }`),
    of('Redis without a scheme', `redis: { url: ":${secret}@127.0.0.1:6379" }`),
    of('Redis as a text', `redis: "redis://:${secret}@127.0.0.1:6379"`),
    of('a password of Redis', `redis: { url: "", password: "${secret}" }`),
    of('a collector with another scheme', `telemetry: { traces: { endpoint: "grpc://u:${secret}@127.0.0.1" } }`),
    of('headers of a collector', `telemetry: { traces: { headers: { authorization: "${secret}" } } }`),
    of('a variable where a number belongs', `server: { max_headers: "\${SECRET}" }`),
    of('a variable where one of a list belongs', `telemetry: { usage: "\${SECRET}" }`),
    of('a variable where a duration belongs', `server: { drain: "\${SECRET}" }`),
    of('a broken reference under a key', `redis: { url: "redis://:\${${secret}" }`),
    of('a default of a reference under a key', `redis: { url: "http://:\${NOBODY:-${secret}}@127.0.0.1" }`),
    of('YAML that ends in a text', `redis: { url: "redis://:${secret}@127.0.0.1`),
    of('YAML with a bad indentation', `redis:\n    url: ${secret}\n  more: ${secret}`),
    of('YAML with a tab', `redis:\n\turl: ${secret}`),
    of('YAML with an unknown alias', `redis: { url: *${secret} }`),
    of('YAML with an unknown tag', `redis: { url: !${secret} x }`),
    of('YAML with a bad escape', `redis: { url: "\\q${secret}" }`),
    of('YAML with the same key twice', `redis: { url: "", url: "${secret}" }`),
  ];
}

/** A configuration with many mistakes at once, with the secrets of a run. */
export function brokenYaml(secrets: Readonly<Record<string, Secret>>): string {
  const all = Object.values(secrets).map(({ text }) => text);
  const pick = (i: number) => JSON.stringify(all[i % all.length]);
  return [
    `# ${pick(0)}`,
    `upstreams: { openai: { url: "https://user:${all[1]}@127.0.0.1", api_key: ${pick(2)} } }`,
    'routes: [{ path: /openai, upstream: openai }]',
    `redis: { url: "http://:${all[7]}@127.0.0.1", password: ${pick(7)} }`,
    'policies:',
    `  - { policy: key-injection, with: { keys: [${pick(0)}, { env: ${JSON.stringify(`-${all[1]}`)} }, { value: ${pick(2)} }] } }`,
    `  - { policy: headers, with: { request: { set: { host: ${pick(5)}, x-team: [${pick(6)}] } } } }`,
    `  - { policy: client-auth, with: { keys: [${pick(3)}, { hash: ${pick(4)}, identity: ${pick(5)} }] } }`,
    '',
  ].join('\n');
}
