/**
 * Reads an answer that is encoded: a copy is decoded behind the bytes by node:zlib, off the event loop, in small pieces
 * and within bounds. node:zlib is loaded when the first of these is made.
 */
import type { Transform } from 'node:stream';
import { usageBounds } from './bounds.ts';
import type { PlainReader } from './read-answer.ts';
import type { UsageReport } from './report.ts';

/** A coding of RFC 9110 §8.4.1 (and RFC 8878) that can be decoded. */
export type Coding = 'gzip' | 'deflate' | 'br' | 'zstd';

/** The coding that a Content-Encoding names: undefined for none, null for one (or several) that is not known. */
export function codingOf(contentEncoding: string | undefined): Coding | null | undefined {
  const name = contentEncoding?.trim().toLowerCase();
  switch (name) {
    case undefined:
    case '':
    case 'identity':
      return undefined;
    case 'x-gzip':
      return 'gzip';
    case 'gzip':
    case 'deflate':
    case 'br':
    case 'zstd':
      return name;
    default:
      return null;
  }
}

/** More than so much that comes of a hundredth of it is no answer of a model. */
const bombBytes = 1024 * 1024;
const bombRatio = 100;

/** See the module. */
export class EncodedReader {
  readonly #coding: Coding;
  readonly #reader: PlainReader;
  #decoder: Transform | undefined;
  #closed: Promise<void> | undefined;
  #decoded = 0;
  #encoded = 0;
  /** The end is missing, and is known to be. */
  #cut = false;

  constructor(coding: Coding, reader: PlainReader) {
    this.#coding = coding;
    this.#reader = reader;
  }

  push(chunk: Buffer): void {
    if (this.#reader.stopped || chunk.length === 0) return;
    try {
      this.#decoder ??= this.#start(chunk[0] as number);
      if (this.#decoder.writableLength + chunk.length > usageBounds.waitingBytes) {
        this.#stop('size');
        return;
      }
      this.#encoded += chunk.length;
      // The decoder works later, when the chunk's memory may be somebody else's.
      this.#decoder.write(Buffer.from(chunk));
    } catch {
      this.#stop('fault');
    }
  }

  get terminated(): boolean {
    return this.#reader.terminated;
  }

  end(whole: boolean): UsageReport | Promise<UsageReport> {
    if (this.#decoder === undefined || this.#closed === undefined || this.#reader.stopped)
      return this.#reader.end(whole);
    this.#cut = !whole;
    this.#decoder.end();
    return this.#closed.then(() => this.#reader.end(whole));
  }

  #start(firstByte: number): Transform {
    const decoder = createDecoder(this.#coding, firstByte);
    decoder.on('data', (bytes: Buffer) => this.#data(bytes));
    // Not what its header said, or truncated. What was decoded before counts.
    decoder.on('error', () => {
      if (!this.#cut) this.#reader.stop('encoding');
    });
    this.#closed = new Promise((resolve) => decoder.once('close', resolve));
    return decoder;
  }

  #data(bytes: Buffer): void {
    this.#decoded += bytes.length;
    const bomb = this.#decoded > bombBytes && this.#decoded > bombRatio * this.#encoded;
    if (bomb || this.#decoded > usageBounds.decodedBytes) this.#stop('size');
    else this.#reader.push(bytes);
    if (this.#reader.stopped) this.#decoder?.destroy();
  }

  #stop(why: 'size' | 'fault'): void {
    this.#reader.stop(why);
    this.#decoder?.destroy();
  }
}

function createDecoder(coding: Coding, firstByte: number): Transform {
  const zlib = process.getBuiltinModule('node:zlib');
  switch (coding) {
    case 'gzip':
      return zlib.createGunzip();
    case 'br':
      return zlib.createBrotliDecompress();
    case 'zstd': {
      const params = { [zlib.constants.ZSTD_d_windowLogMax]: usageBounds.zstdWindowLog };
      return zlib.createZstdDecompress({ params });
    }
    case 'deflate':
      // Some send it raw. A zlib header's first byte ends in 8 (RFC 1950 §2.2), a raw stream's practically never.
      return (firstByte & 0x0f) === 8 ? zlib.createInflate() : zlib.createInflateRaw();
  }
}
