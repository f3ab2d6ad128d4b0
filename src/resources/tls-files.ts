/** Certificates and keys of TLS, read from the files that the configuration names. */
import { hash, X509Certificate } from 'node:crypto';
import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';

/** PEM files: a private CA, and a client certificate with its key. */
export interface TlsFiles {
  readonly ca?: { readonly file: string };
  readonly cert?: { readonly file: string };
  readonly key?: { readonly file: string };
}

export function readTls(tls: TlsFiles | undefined): { ca?: Buffer; cert?: Buffer; key?: Buffer } {
  const files: { ca?: Buffer; cert?: Buffer; key?: Buffer } = {};
  if (tls?.ca !== undefined) files.ca = readRegular(tls.ca.file);
  if (tls?.cert !== undefined) files.cert = readRegular(tls.cert.file);
  if (tls?.key !== undefined) files.key = readRegular(tls.key.file);
  return files;
}

/** Without O_NONBLOCK, opening a pipe that nobody writes to would stop the process. */
function readRegular(file: string): Buffer {
  const descriptor = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    if (!fstatSync(descriptor).isFile()) throw new Error(`${file} is no regular file`);
    return readFileSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/**
 * Tells one state of the files from another; undefined without files. Throws when one cannot be read, when a certificate and its
 * key do not fit, as while they are being replaced one after the other, and when `ca` holds no certificate, as when it is
 * half written: every connection would fail of it.
 */
export function tlsPrint(tls: TlsFiles | undefined): string | undefined {
  if (tls === undefined) return undefined;
  const { ca, cert, key } = readTls(tls);
  // Any `ca` will do here: without one, the system's hundred and more would be read.
  if (ca !== undefined) checkCertificate(ca);
  const any = ca ?? cert ?? key;
  if (cert !== undefined || key !== undefined) createSecureContext({ ca: any, cert, key });
  return [ca, cert, key].map((bytes) => (bytes === undefined ? '' : hash('sha256', bytes, 'base64'))).join();
}

/** Node takes anything as `ca`, and then trusts nobody. */
function checkCertificate(ca: Buffer): void {
  try {
    new X509Certificate(ca);
  } catch (cause) {
    throw new Error('the file of ca begins with no certificate (PEM)', { cause });
  }
}
