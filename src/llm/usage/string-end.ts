/** Finds the ends of JSON strings in bytes that come in pieces. */

const quote = 0x22;
const backslash = 0x5c;

/** Remembers over two pieces of a string whether the first byte of the second one is escaped; false between strings. */
export interface EscapeMemory {
  escaped: boolean;
}

/** Where a JSON string ends (its quote), by searching for quotes; `end` when it goes on. */
export function stringEnd(bytes: Buffer, from: number, end: number, memory: EscapeMemory): number {
  let i = from;
  for (;;) {
    // Within the piece only: a search beyond its end would be made again for each piece.
    const found = bytes.subarray(i, end).indexOf(quote);
    const at = found === -1 ? end : i + found;
    let slashes = at - 1;
    while (slashes >= i && bytes[slashes] === backslash) slashes--;
    let odd = (at - 1 - slashes) % 2 === 1;
    // The run reaches back to the beginning of this piece: what came before counts.
    if (slashes < i && memory.escaped) odd = !odd;
    if (at === end) {
      memory.escaped = odd;
      return end;
    }
    memory.escaped = false;
    if (!odd) return at;
    i = at + 1;
  }
}
