/** Sets `request-rate` up with a store in memory, and makes requests for it. */
import { requestRate } from '../../policies/request-rate.ts';
import { problem } from '../../src/errors.ts';
import { HeaderLines, HeaderList } from '../../src/http/headers.ts';
import { ToldLimits } from '../../src/limits/headers.ts';
import { MemorySlots } from '../../src/limits/memory-slots.ts';
import { MemoryStore } from '../../src/limits/memory-store.ts';
import type { MaybePromise, Reply, RequestContext } from '../../src/policy.ts';

/** What a request of these tests may differ in. */
export interface Request {
  readonly ip?: string;
  readonly headers?: Record<string, string>;
  readonly identity?: string;
  readonly route?: string;
  readonly upstream?: string;
  readonly model?: MaybePromise<string | undefined>;
}

/** The members of a context that the policy may read; it fails on any other. */
export function request(from: Request = {}): RequestContext {
  const ctx: Partial<RequestContext> = {
    client: { ip: from.ip ?? '203.0.113.7' },
    in: {
      method: 'POST',
      path: '/',
      query: '',
      httpVersion: '1.1',
      upgrade: false,
      headers: new HeaderLines(Object.entries(from.headers ?? {}).flat()),
    },
    identity: from.identity,
    route: { path: from.route ?? '/openai' },
    upstream: { name: from.upstream ?? 'openai', dialect: 'openai' },
    model: () => from.model,
  };
  return ctx as RequestContext;
}

/** The options with their defaults, as validation gives them. */
export function options(config: object): object {
  return {
    limit: 2,
    per: 60_000,
    key: 'client_ip',
    missing: 'shared',
    ipv6_prefix: 64,
    on_store_error: 'local',
    headers: true,
    ...config,
  };
}

/** What became of a request, and what its client is told. */
export interface Decision {
  readonly reply: Reply | undefined;
  readonly told: ToldLimits | undefined;
}

/** One entry of the policy; `send` does what the runner does. */
export async function setUp(config: object = {}, id = 'per-player') {
  const clock = { now: 0 };
  const store = new MemoryStore({ clock: () => clock.now });
  const instance = await requestRate.setup({
    id,
    config: options(config),
    mode: 'enforce',
    podName: 'pod-1',
    loopbackOnly: false,
    upstreams: [],
    limits: store,
    slots: new MemorySlots(),
    limiter: (options) => store.limiter(id, options),
    problem,
    secret: () => ({ where: '', value: () => undefined }),
    callers: () => Promise.reject(new Error('nobody asks for callers here')),
    warn: () => undefined,
    keep: (_name, make) => make(),
    log: { info() {}, warn() {}, error() {} },
  });
  const hooks = instance.limit;
  if (hooks === undefined) throw new Error('request-rate is a limit');

  const key = async (from: Request): Promise<string> => {
    const claim = await hooks.claim(request(from));
    if (claim === undefined || 'kind' in claim) throw new Error(`no claim: ${JSON.stringify(claim)}`);
    return claim.key;
  };
  const send = async (from: Request = {}): Promise<Decision> => {
    const ctx = request(from);
    const claim = await hooks.claim(ctx);
    if (claim === undefined || 'kind' in claim) return { reply: claim, told: undefined };
    const [verdict] = store.take([claim]);
    if (verdict === undefined) throw new Error('no verdict');
    const reply = hooks.decide(ctx, verdict);
    if (reply !== undefined && !('kind' in reply)) throw new Error('a limit keeps nothing of an exchange');
    return { reply, told: hooks.fields && new ToldLimits(hooks.fields, verdict) };
  };
  return { clock, hooks, key, send };
}

/** The header lines that a response carries after a decision. */
export function headerLines({ told }: Decision, before: string[] = []): [string, string][] {
  const headers = new HeaderList([...before]);
  told?.responseStart({ status: 200, fromUpstream: true, headers });
  return [...headers.entries()];
}
