/** Where a response is cut, and what broken upstreams say in its place. */
import type { Fault } from './script.ts';
import type { Wire } from './wire.ts';

/** How many bytes of the response are sent before the fault strikes; always fewer than all. */
export function cutOf(wire: Wire, fault: Fault): number {
  const { headEnd, bytes, chunks } = wire;
  const last = bytes.length - 1;
  const anywhere = headEnd + Math.floor(fault.share * (bytes.length - headEnd));
  switch (fault.spot) {
    case 'before-head':
      return 0;
    case 'in-head':
      return Math.min(wire.finalAt + 1 + Math.floor(fault.share * (headEnd - wire.finalAt - 2)), last);
    case 'after-head':
      return Math.min(headEnd, last);
    case 'anywhere':
      return Math.min(anywhere, last);
    case 'boundary': {
      const chunk = chunks[Math.floor(fault.share * chunks.length)];
      if (chunk === undefined) return Math.min(headEnd, last);
      // With or without the line end that closes the chunk's frame.
      return Math.min(chunk.wireAt + chunk.length + (fault.form % 3), last);
    }
    case 'before-end': {
      const chunk = chunks.at(-1);
      return chunk === undefined
        ? Math.min(headEnd, last)
        : Math.min(chunk.wireAt + chunk.length + (fault.form % 7), last);
    }
  }
}

const body = 'content-length: 2\r\n\r\nno';

/** In the place of a head. */
export const garbageHeads: readonly string[] = [
  'garbage\r\n\r\n',
  '\x00\x01\x02\xff\xfe'.repeat(20),
  'HTTP/1.1 abc OK\r\n\r\n',
  `HTTP/9.9 200 OK\r\n${body}`,
  `HTTP/1.1 200 OK\r\nthis is no field\r\n${body}`,
  'SSH-2.0-OpenSSH_9.6\r\n',
  '\x16\x03\x01\x02\x00\x01\x00\x01',
];

/** Heads that can be read and must not be believed. */
export const badHeads: readonly string[] = [
  `HTTP/1.1 099 Odd\r\n${body}`,
  `HTTP/1.1 200 OK\r\ncontent-length: 5\r\n${body}`,
  `HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\nno`,
  `HTTP/1.1 200 OK\r\ncontent-length: 2, 3\r\n\r\nno`,
  `HTTP/1.1 200 OK\r\nx-a: a\x00b\r\n${body}`,
  `HTTP/1.1 200 OK\r\nx a: b\r\n${body}`,
  `HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ncontent-length: 2\r\n\r\nno`,
];

/** In the place of a chunk's size line. */
export const garbageChunks: readonly string[] = [
  'zz\r\ngarbage',
  '-1\r\nx\r\n',
  'fffffffffffffffff\r\nx',
  '0x5\r\nhello\r\n',
  '\xff\xfe\x00\r\n',
  ' 5\r\nhello\r\n',
];

/** An answer that nobody has asked for. Whoever gets it has been given foreign bytes. */
export const poison = Buffer.from('HTTP/1.1 200 OK\r\nx-chaos-upstream: poison\r\ncontent-length: 6\r\n\r\npoison');
