/** A redis-server that speaks TLS only and asks for a certificate, its own CA being `ca`. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Scope } from './close-after.ts';
import { freePort } from './free-port.ts';
import { launchRedis, privateFolder, stopRedis } from './redis-process.ts';
import { selfSignedCertificate } from './self-signed-certificate.ts';

/** What was started, and what a client needs for it. */
export interface TlsRedis {
  readonly url: string;
  readonly port: number;
  /** The folder with `ca.pem`, `cert.pem` and `key.pem` of the client. */
  readonly folder: string;
  readonly tls: { readonly ca: Buffer; readonly cert: Buffer; readonly key: Buffer };
}

export async function startTlsRedis(scope: Scope): Promise<TlsRedis> {
  const folder = await privateFolder(scope);
  const port = await freePort();
  const server = selfSignedCertificate();
  const client = selfSignedCertificate('sluice');
  const write = async (name: string, pem: string) => {
    const file = join(folder, name);
    await writeFile(file, pem);
    return file;
  };
  const options = [
    ...['--port', '0', '--tls-port', `${port}`],
    ...[
      '--tls-cert-file',
      await write('ca.pem', server.cert),
      '--tls-key-file',
      await write('server-key.pem', server.key),
    ],
    ...['--tls-ca-cert-file', await write('cert.pem', client.cert), '--tls-auth-clients', 'yes'],
  ];
  await write('key.pem', client.key);
  const redis = await launchRedis(folder, port, options);
  scope.after(() => stopRedis(redis));
  const tls = { ca: Buffer.from(server.cert), cert: Buffer.from(client.cert), key: Buffer.from(client.key) };
  return { url: `rediss://127.0.0.1:${port}`, port, folder, tls };
}
