/** Binds servers to addresses, with errors that say what to change. */
import type { AddressInfo, Server } from 'node:net';

/** Where to listen. */
export interface ListenAddress {
  /** An address without brackets, e.g. `127.0.0.1` or `::`. */
  readonly host: string;
  /** 0 lets the system choose. */
  readonly port: number;
  /** Left out without an error where the machine does not have the address, e.g. `::1` without IPv6. */
  readonly optional?: boolean;
}

/**
 * Makes a server for each address and binds it; on a failure none is left open. Port 0 is one free port for all
 * addresses, so that `localhost:0` is the same port on 127.0.0.1 and on ::1.
 * @param setting the key of proxy.yaml that names the addresses, for messages
 * @throws Error that names the address and what to do
 */
export async function listenOnAll<S extends Server, A extends ListenAddress>(
  addresses: readonly A[],
  create: (address: A) => S,
  setting: string,
): Promise<{ readonly servers: S[]; readonly bound: AddressInfo[] }> {
  const servers: S[] = [];
  const bound: AddressInfo[] = [];
  try {
    for (const address of addresses) {
      const server = create(address);
      const port = address.port === 0 ? (bound[0]?.port ?? 0) : address.port;
      const info = await listenOn(server, { ...address, port }, addresses, setting);
      if (info === undefined) continue;
      servers.push(server);
      bound.push(info);
    }
    if (bound.length === 0) throw new Error(`${setting}: none of the addresses exists on this machine`);
  } catch (error) {
    await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
    throw error;
  }
  return { servers, bound };
}

/** Undefined when the address is optional and this machine does not have it. */
function listenOn(
  server: Server,
  { host, port, optional = false }: ListenAddress,
  all: readonly ListenAddress[],
  setting: string,
): Promise<AddressInfo | undefined> {
  // `::` takes IPv4 too, unless the list has an entry of its own for that.
  const ipv6Only = host === '::' && all.some((other) => other.host === '0.0.0.0' && other.port === port);
  return new Promise((resolve, reject) => {
    const failed = (error: NodeJS.ErrnoException) => {
      const absent = error.code === 'EADDRNOTAVAIL' || error.code === 'EAFNOSUPPORT';
      if (optional && absent) resolve(undefined);
      else
        reject(
          new Error(explain(error, host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`, setting), {
            cause: error,
          }),
        );
    };
    server.once('error', failed);
    // As many as the kernel lets wait: a loop turn accepts few of a burst.
    server.listen({ host, port, ipv6Only, backlog: 4096 }, () => {
      server.off('error', failed);
      server.on('error', () => {}); // e.g. too many open files while accepting: the next connection may do
      resolve(server.address() as AddressInfo); // it listens on TCP, so this is no path and not null
    });
  });
}

function explain(error: NodeJS.ErrnoException, address: string, setting: string): string {
  if (error.code === 'EADDRINUSE') {
    return `${setting}: ${address} is in use by another process; free it or change \`${setting}\` in proxy.yaml`;
  }
  if (error.code === 'EACCES') return `${setting}: no permission to listen on ${address}; choose a port above 1023`;
  if (error.code === 'EADDRNOTAVAIL' || error.code === 'EAFNOSUPPORT') {
    return `${setting}: this machine does not have the address ${address}; change \`${setting}\` in proxy.yaml`;
  }
  return `${setting}: cannot listen on ${address}: ${error.message}`;
}
