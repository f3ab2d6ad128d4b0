/** What both sides of a WebSocket exchange say: binary frames and a close frame (RFC 6455 §5). */
import { patternBytes } from './pattern.ts';
import type { Script } from './script.ts';

/** What the upstream says. */
export function serverFrames(script: Script): Buffer {
  return frames(patternBytes(2 * script.index + 1, Math.min(script.response.bytes, 20_000)), false);
}

/** What the client says, masked with zeros so that its bytes are those of the pattern. */
export function clientFrames(script: Script): Buffer {
  return frames(patternBytes(2 * script.index, script.request.bytes), true);
}

function frames(bytes: Buffer, masked: boolean): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += 1000) parts.push(...frame(0x82, bytes.subarray(at, at + 1000), masked));
  parts.push(...frame(0x88, Buffer.from([0x03, 0xe8]), masked));
  return Buffer.concat(parts);
}

function frame(opcode: number, payload: Buffer, masked: boolean): Buffer[] {
  const mask = masked ? 0x80 : 0;
  const { length } = payload;
  const head = length < 126 ? [opcode, mask | length] : [opcode, mask | 126, length >> 8, length & 0xff];
  return [Buffer.from(masked ? [...head, 0, 0, 0, 0] : head), payload];
}
