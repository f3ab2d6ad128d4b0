/** Certificates and keys of TLS, read from the files that the configuration names. */
import { hash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';

/** PEM files: a private CA, and a client certificate with its key. */
export interface TlsFiles {
  readonly ca?: { readonly file: string };
  readonly cert?: { readonly file: string };
  readonly key?: { readonly file: string };
}

export function readTls(tls: TlsFiles | undefined): { ca?: Buffer; cert?: Buffer; key?: Buffer } {
  const files: { ca?: Buffer; cert?: Buffer; key?: Buffer } = {};
  if (tls?.ca !== undefined) files.ca = readFileSync(tls.ca.file);
  if (tls?.cert !== undefined) files.cert = readFileSync(tls.cert.file);
  if (tls?.key !== undefined) files.key = readFileSync(tls.key.file);
  return files;
}

/**
 * Tells one state of the files from another; undefined without files. Throws when one cannot be read, and when a certificate
 * and its key do not fit, as while they are being replaced one after the other: every connection would fail of it.
 */
export function tlsPrint(tls: TlsFiles | undefined): string | undefined {
  if (tls === undefined) return undefined;
  const { ca, cert, key } = readTls(tls);
  // Any `ca` will do here: without one, the system's hundred and more would be read.
  const any = ca ?? cert ?? key;
  if (cert !== undefined || key !== undefined) createSecureContext({ ca: any, cert, key });
  return [ca, cert, key].map((bytes) => (bytes === undefined ? '' : hash('sha256', bytes, 'base64'))).join();
}
