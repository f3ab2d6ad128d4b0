/** What the admin server answers. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { StoreState } from '../limits/store.ts';
import type { Log } from '../telemetry/log.ts';
import { scrub } from '../telemetry/redact.ts';
import { answerLimits, type CountingPolicy } from './limits.ts';

/** One check of `/health`: `ok`, `degraded` and `off` are the usual states. */
export interface CheckState {
  readonly state: string;
  /** One sentence for an operator; no secret. */
  readonly detail?: string;
}

/** What the admin server asks of the app, at each request. */
export interface AdminState {
  readonly version: string;
  /** When the process was ready to serve or began to, in milliseconds since 1970. */
  readonly startedAt: number;
  /** Only what is local (configuration loaded, listening, not draining): a Redis outage leaves it `ok`. */
  ready(): { readonly ok: boolean; readonly reasons: readonly string[] };
  /** True once it has been ready for the first time. */
  started(): boolean;
  /** Generation of the running configuration. */
  generation(): number;
  checks(): Readonly<Record<string, CheckState>>;
  /** The configuration in effect, redacted. */
  effectiveConfig(): unknown;
  /** Policies that count, and the state of the store in which they do. */
  limits(): { readonly policies: readonly CountingPolicy[]; readonly store: StoreState };
}

/** What `/metrics` needs of the metrics. */
export interface AdminMetrics {
  render(): Promise<string>;
  readonly contentType: string;
}

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
}

type Endpoint = (method: string, query: string) => Answer | Promise<Answer>;

/** Answers one request; resolves when the answer has been handed over. */
export function createResponder(
  state: AdminState,
  metrics: AdminMetrics,
  log: Log,
): (request: IncomingMessage, response: ServerResponse) => Promise<void> {
  const readiness = () => {
    const { ok, reasons } = state.ready();
    return json(ok ? 200 : 503, ok ? { status: 'ok' } : { status: 'not_ready', reasons });
  };
  const endpoints = new Map<string, Endpoint>([
    ['/livez', () => json(200, { status: 'ok' })],
    ['/readyz', readiness],
    ['/startupz', () => (state.started() ? json(200, { status: 'ok' }) : json(503, { status: 'starting' }))],
    ['/health', () => health(state)],
    ['/health/ready', readiness],
    ['/metrics', async () => ({ status: 200, type: metrics.contentType, body: await metrics.render() })],
    ['/config', () => config(state)],
    ['/limits', (method, query) => limits(state, method, query)],
  ]);
  const paths = [...endpoints.keys()];

  const answer = async (method: string | undefined, url: string): Promise<Answer> => {
    const { path, query } = splitUrl(url);
    const endpoint = endpoints.get(path);
    if (endpoint === undefined) {
      return json(404, { status: 'not_found', detail: 'There is no such endpoint.', endpoints: paths });
    }
    const methods = path === '/limits' ? ['GET', 'HEAD', 'DELETE'] : ['GET', 'HEAD'];
    if (method === undefined || !methods.includes(method)) {
      const allow = methods.join(', ');
      return { ...json(405, { status: 'method_not_allowed', detail: `Use ${allow}.` }), headers: { allow } };
    }
    try {
      return await endpoint(method, query);
    } catch (error) {
      log.once('error', { err: error }, 'an admin endpoint failed');
      return json(500, { status: 'error', detail: 'The endpoint failed; the log says why.' });
    }
  };

  return async (request, response) => {
    const { status, type, body, headers } = await answer(request.method, request.url ?? '/');
    // A body that nobody reads must not be taken for the next request of the connection.
    if (hasBody(request)) response.shouldKeepAlive = false;
    response.writeHead(status, {
      'content-type': type,
      'content-length': Buffer.byteLength(body),
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      ...headers,
    });
    response.end(body);
  };
}

function health(state: AdminState): Answer {
  const ready = state.ready();
  const checks = state.checks();
  const degraded = Object.values(checks).some((check) => check.state !== 'ok' && check.state !== 'off');
  return json(ready.ok ? 200 : 503, {
    status: ready.ok ? (degraded ? 'degraded' : 'ok') : 'not_ready',
    ...(ready.ok ? {} : { reasons: ready.reasons }),
    version: state.version,
    uptime_seconds: Math.max(0, Math.round((Date.now() - state.startedAt) / 1000)),
    config_generation: state.generation(),
    checks,
  });
}

/** The configuration comes redacted; what still looks like a key is taken out all the same. */
function config(state: AdminState): Answer {
  const redact = (_key: string, value: unknown) => (typeof value === 'string' ? scrub(value) : value);
  return toAnswer(200, JSON.stringify(state.effectiveConfig(), redact, 2) ?? 'null');
}

async function limits(state: AdminState, method: string, query: string): Promise<Answer> {
  const { policies, store } = state.limits();
  const { status, content } = await answerLimits(method, new URLSearchParams(query), policies, store);
  return json(status, content);
}

function json(status: number, content: object): Answer {
  return toAnswer(status, JSON.stringify(content));
}

function toAnswer(status: number, text: string): Answer {
  return { status, type: 'application/json; charset=utf-8', body: `${text}\n` };
}

/** Path and query, also of a request in absolute form (RFC 9112 §3.2.2). */
function splitUrl(url: string): { path: string; query: string } {
  const [target = ''] = url.replace(/^https?:\/\/[^/?#]*/i, '').split('#');
  const mark = target.indexOf('?');
  return mark < 0 ? { path: target, query: '' } : { path: target.slice(0, mark), query: target.slice(mark + 1) };
}

function hasBody(request: IncomingMessage): boolean {
  const length = request.headers['content-length'];
  return request.headers['transfer-encoding'] !== undefined || (length !== undefined && length !== '0');
}
