/**
 * Cheap looks into the text of a JSON object, to tell whether parsing it is worth while. A key with its quotes cannot
 * stand inside of a JSON string, where quotes are escaped; a look may find too much, which costs a parse, nothing more.
 * Texts are latin1: a character is a byte of the UTF-8 that was sent.
 */

const quote = 0x22;
const backslash = 0x5c;
const colon = 0x3a;
const space = 0x20;
const lowerN = 0x6e;
const lowerU = 0x75;

/** Where the value of the next member of this name begins; -1 when there is none. The key comes with its quotes. */
function valueAfter(text: string, key: string, from: number): number {
  for (let at = text.indexOf(key, from); at !== -1; at = text.indexOf(key, at + 1)) {
    let i = skipSpace(text, at + key.length);
    if (text.charCodeAt(i) !== colon) continue;
    i = skipSpace(text, i + 1);
    return i;
  }
  return -1;
}

function skipSpace(text: string, from: number): number {
  let i = from;
  while (text.charCodeAt(i) <= space) i++;
  return i;
}

/** Whether a member of this name has a value that is not null. */
export function says(text: string, key: string): boolean {
  for (let i = valueAfter(text, key, 0); i !== -1; i = valueAfter(text, key, i)) {
    if (text.charCodeAt(i) !== lowerN) return true;
  }
  return false;
}

/** How many bytes of UTF-8 the strings are in all members of this name, escapes resolved. */
export function stringBytes(text: string, key: string): number {
  let bytes = 0;
  for (let i = valueAfter(text, key, 0); i !== -1; i = valueAfter(text, key, i)) {
    if (text.charCodeAt(i) === quote) bytes += bytesUntilQuote(text, i + 1);
  }
  return bytes;
}

function bytesUntilQuote(text: string, from: number): number {
  let bytes = 0;
  for (let i = from; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c === quote) break;
    if (c === backslash) {
      i++;
      if (text.charCodeAt(i) === lowerU) {
        bytes += bytesOfEscape(Number.parseInt(text.slice(i + 1, i + 5), 16)) - 1;
        i += 4;
      }
    }
    bytes++;
  }
  return bytes;
}

/** A surrogate is half of a character of four bytes. */
function bytesOfEscape(unit: number): number {
  if (unit < 0x80) return 1;
  return unit < 0x800 || (unit >= 0xd800 && unit < 0xe000) ? 2 : 3;
}
