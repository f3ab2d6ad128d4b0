/** Opens a socket to an upstream: TCP, or TLS over it, HTTP/1.1 only (over HTTP/2 a cut answer can look complete). */
import { connect as connectTcp, isIP, type OnReadOpts, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';

/** What is connected to. */
export interface SocketTarget {
  /** Without brackets, too. */
  readonly hostname: string;
  /** `http:` or `https:`. */
  readonly protocol: string;
  /** Empty: the scheme's own. */
  readonly port: string | number | null | undefined;
}

/** Certificates of ours and of those that are trusted. */
export interface TlsFiles {
  readonly ca?: Buffer;
  readonly cert?: Buffer;
  readonly key?: Buffer;
}

/** Of dead peers the kernel finds out by itself. */
const keepAliveProbeMs = 30_000;

/** The sockets of one upstream; its TLS sessions are resumed. */
export class SocketOpener {
  readonly #tls: TlsFiles;
  /** Where they are read to; undefined: they are streams of chunks. */
  readonly #onread: OnReadOpts | undefined;
  #session: Buffer | undefined;

  constructor(tls: TlsFiles, onread: OnReadOpts | undefined) {
    this.#tls = tls;
    this.#onread = onread;
  }

  /**
   * Begins to open one. `connect` or `secureConnect` tells that it is open.
   * @param tunnel TLS through it instead of a connection of its own
   */
  open({ hostname, protocol, port }: SocketTarget, tunnel: Socket | undefined): Socket {
    const host = hostname.replace(/^\[|\]$/g, '');
    const reading = this.#onread === undefined ? {} : { onread: this.#onread };
    if (protocol !== 'https:') {
      return ready(connectTcp({ host, port: Number(port) || 80, ...reading }));
    }
    const socket = connectTls({
      ...this.#tls,
      host,
      port: Number(port) || 443,
      ...(tunnel === undefined ? reading : { socket: tunnel }),
      ALPNProtocols: ['http/1.1'],
      // An address is no server name (RFC 6066 §3); its certificate must hold it all the same.
      ...(isIP(host) === 0 ? { servername: host } : {}),
      ...(this.#session === undefined ? {} : { session: this.#session }),
    });
    socket.on('session', (session) => {
      this.#session = session;
    });
    return ready(socket);
  }
}

function ready<Made extends Socket>(socket: Made): Made {
  socket.setKeepAlive(true, keepAliveProbeMs);
  socket.setNoDelay(true);
  return socket;
}
