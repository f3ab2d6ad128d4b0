/** Certificates and keys of TLS, read from the files that the configuration names. */
import { readFileSync } from 'node:fs';

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
