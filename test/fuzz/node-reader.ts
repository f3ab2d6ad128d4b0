/** What Node's own HTTP server reads from bytes: the other parser of this differential test. */
import { createServer, IncomingMessage, type Server } from 'node:http';
import { Duplex } from 'node:stream';

/** One request as it was read. */
export interface ReadRequest {
  readonly kind: 'request' | 'upgrade' | 'connect';
  readonly method: string;
  /** The target as it came. */
  readonly url: string;
  readonly version: string;
  /** How many Host lines there are, and what Transfer-Encoding says. */
  readonly hosts: number;
  readonly coding: string | undefined;
  readonly body: string;
  /** False when its body has not ended, or was malformed. */
  readonly complete: boolean;
}

/** Everything that was read from one connection. */
export interface Reading {
  readonly requests: readonly ReadRequest[];
  /** The parser's code, e.g. `HPE_INVALID_CHUNK_SIZE`, when it gave up. */
  readonly error: string | undefined;
  /** What followed a request that ends HTTP on its connection (upgrade, CONNECT). */
  readonly tunnel: string | undefined;
}

/** Keeps its body at once: whoever waits for `data` gets nothing when the parser fails later in the same read. */
class RecordedMessage extends IncomingMessage {
  readonly parts: Buffer[] = [];

  override push(chunk: Buffer | null): boolean {
    if (chunk !== null) this.parts.push(chunk);
    return true;
  }
}

class Connection extends Duplex {
  readonly messages: { kind: ReadRequest['kind']; message: RecordedMessage }[] = [];
  failure: string | undefined;
  rest: Buffer[] | undefined;

  override _read(): void {}
  override _write(_bytes: Buffer, _encoding: string, done: () => void): void {
    done();
  }
}

/** Reads by Node's strict parser, in the configuration in which Sluice listens. It answers nothing. */
export class NodeReader {
  readonly #server: Server;

  constructor() {
    const server = createServer({
      IncomingMessage: RecordedMessage,
      insecureHTTPParser: false,
      // A request without Host is read, too; that it must not go on is judged by whoever asks.
      requireHostHeader: false,
      shouldUpgradeCallback: (message: IncomingMessage) => message.headers.upgrade?.toLowerCase() === 'websocket',
    });
    const add = (kind: ReadRequest['kind'], message: IncomingMessage) => {
      (message.socket as Duplex as Connection).messages.push({ kind, message: message as RecordedMessage });
    };
    const take = (kind: 'upgrade' | 'connect') => (message: IncomingMessage, connection: Duplex, head: Buffer) => {
      add(kind, message);
      (connection as Connection).rest = [head];
    };
    for (const event of ['request', 'checkContinue', 'checkExpectation'] as const) {
      server.on(event, (message: IncomingMessage) => add('request', message));
    }
    server.on('upgrade', take('upgrade'));
    server.on('connect', take('connect'));
    server.on('clientError', (error: NodeJS.ErrnoException, connection: Duplex) => {
      (connection as Connection).failure ??= error.code ?? error.message;
    });
    this.#server = server;
  }

  /**
   * Reads a whole connection, synchronously, in these pieces: behind an Upgrade that is not taken, Node loses the rest of
   * the piece.
   */
  read(pieces: readonly Buffer[]): Reading {
    const connection = new Connection();
    this.#server.emit('connection', connection);
    for (const bytes of pieces) {
      if (connection.failure !== undefined) break;
      if (connection.rest === undefined) connection.emit('data', bytes);
      else connection.rest.push(bytes);
    }
    const requests = connection.messages.map(({ kind, message }): ReadRequest => {
      return {
        kind,
        method: message.method ?? '',
        url: message.url ?? '',
        version: message.httpVersion,
        hosts: message.headersDistinct.host?.length ?? 0,
        coding: message.headers['transfer-encoding'],
        body: Buffer.concat(message.parts).toString('latin1'),
        complete: kind !== 'request' || message.complete,
      };
    });
    connection.destroy();
    const tunnel = connection.rest === undefined ? undefined : Buffer.concat(connection.rest).toString('latin1');
    return { requests, error: connection.failure, tunnel };
  }
}
