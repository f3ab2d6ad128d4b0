/** A pool before an upstream of this machine, and requests of it. */
import type { TestContext } from 'node:test';
import { HeaderLines } from '../../../src/http/headers.ts';
import { createConnector } from '../../../src/upstream/connector.ts';
import type { Http1Connection } from '../../../src/upstream/http1/connection.ts';
import type { RequestMessage } from '../../../src/upstream/http1/request-head.ts';
import { ConnectionPool, type PooledRequest, sharedRead } from '../../../src/upstream/pool.ts';

/** A pool of so many connections to a port, closed when the test has ended. */
export function startPool(t: TestContext, port: number, connections = 1): ConnectionPool {
  const url = new URL(`http://127.0.0.1:${port}`);
  const options = { connectMs: 1000, allowPrivate: true, tls: {}, egressProxy: undefined, onread: sharedRead };
  const pool = new ConnectionPool(url, createConnector(options), { connections, queue: 10, max_age: 0 });
  t.after(() => pool.close());
  return pool;
}

/** What a request is, a GET without more, and who is told of it. */
interface Asked {
  readonly message?: Partial<RequestMessage>;
  bodySent?(): void;
  /** May hold the connection back. */
  data?(connection: Http1Connection, bytes: Buffer): void;
}

/** A request whose body is collected. */
export function ask(pool: ConnectionPool, { message, bodySent = () => {}, data: onData = () => {} }: Asked = {}) {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  let connection: Http1Connection | undefined;
  let body = '';
  const request: PooledRequest = {
    message: { method: 'GET', path: '/', headers: new HeaderLines(), body: null, ...message },
    started: (it) => {
      connection = it;
    },
    bodySent,
    informed() {},
    head() {},
    data(bytes) {
      body += bytes.toString('latin1');
      onData(connection as Http1Connection, bytes);
    },
    told() {},
    ended() {
      pool.done();
      resolve(body);
    },
    failed(error) {
      pool.done();
      reject(error);
    },
  };
  pool.dispatch(request, performance.now());
  return Object.assign(promise, { request });
}
