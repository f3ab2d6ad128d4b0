/** Ways to make a request into another one. Requests are strings of bytes (latin1). */
import { dictionary } from './corpus.ts';
import type { Random } from './random.ts';

/** Changes a request; `other` is a second one of the corpus, for what takes two. */
export type Mutator = (bytes: string, random: Random, other: string) => string;

const insert = (bytes: string, at: number, text: string) => bytes.slice(0, at) + text + bytes.slice(at);
const lineStarts = (bytes: string) => [0, ...[...bytes.matchAll(/\n/g)].map((found) => found.index + 1)];
const lineEnds = ['\n', '\r', '\r\r\n', '\n\r', '\r\n\r\n', '\r\n ', '\0\r\n', '\r\0\n', ''];
const numbers = [
  '0',
  '1',
  '00',
  '-1',
  '+1',
  '0x1',
  '1 ',
  '1,1',
  '1e1',
  '4294967296',
  '9007199254740993',
  'ffffffffffffffff',
];

/** Where a piece of at most 24 bytes lies. */
function piece(bytes: string, random: Random): [from: number, to: number] {
  const from = random.below(bytes.length);
  return [from, Math.min(bytes.length, from + 1 + random.below(24))];
}

/** Replaces one of the places where the pattern matches. */
function replaceOne(bytes: string, pattern: RegExp, random: Random, replacement: (found: string) => string): string {
  const places = [...bytes.matchAll(pattern)];
  if (places.length === 0) return bytes;
  const { 0: found, index } = random.pick(places);
  return bytes.slice(0, index) + replacement(found) + bytes.slice(index + found.length);
}

/** Every way. */
export const mutators: readonly Mutator[] = [
  function flipBit(bytes, random) {
    const at = random.below(bytes.length);
    const flipped = String.fromCharCode((bytes.charCodeAt(at) || 0) ^ (1 << random.below(8)));
    return bytes.slice(0, at) + flipped + bytes.slice(at + 1);
  },
  function insertByte(bytes, random) {
    return insert(bytes, random.below(bytes.length + 1), String.fromCharCode(random.below(256)));
  },
  function insertWord(bytes, random) {
    return insert(bytes, random.below(bytes.length + 1), random.pick(dictionary));
  },
  function insertWordAtLine(bytes, random) {
    return insert(bytes, random.pick(lineStarts(bytes)), random.pick(dictionary));
  },
  function insertWordAroundColon(bytes, random) {
    return replaceOne(bytes, /:/g, random, () =>
      random.chance(0.5) ? `${random.pick(dictionary)}:` : `:${random.pick(dictionary)}`,
    );
  },
  function deletePiece(bytes, random) {
    const [from, to] = piece(bytes, random);
    return bytes.slice(0, from) + bytes.slice(to);
  },
  function duplicatePiece(bytes, random) {
    const [from, to] = piece(bytes, random);
    return insert(bytes, to, bytes.slice(from, to));
  },
  function movePiece(bytes, random) {
    const [from, to] = piece(bytes, random);
    const rest = bytes.slice(0, from) + bytes.slice(to);
    return insert(rest, random.below(rest.length + 1), bytes.slice(from, to));
  },
  function replaceToken(bytes, random) {
    return replaceOne(bytes, /[A-Za-z0-9-]+/g, random, () => random.pick(dictionary).trim());
  },
  function replaceNumber(bytes, random) {
    return replaceOne(bytes, /\d+/g, random, () => random.pick(numbers));
  },
  function addToNumber(bytes, random) {
    return replaceOne(bytes, /\b\d{1,4}\b/g, random, (found) =>
      String(Math.max(0, Number(found) + random.below(9) - 4)),
    );
  },
  function swapCase(bytes, random) {
    const swap = (found: string) => (found === found.toLowerCase() ? found.toUpperCase() : found.toLowerCase());
    return replaceOne(bytes, /[A-Za-z]+/g, random, swap);
  },
  function deleteLine(bytes, random) {
    return replaceOne(bytes, /[^\n]*\n/g, random, () => '');
  },
  function duplicateLine(bytes, random) {
    return replaceOne(bytes, /[^\n]*\n/g, random, (line) => line + line);
  },
  function moveLine(bytes, random) {
    const lines = bytes.split(/(?<=\n)/);
    const [line = ''] = lines.splice(random.below(lines.length), 1);
    lines.splice(random.below(lines.length + 1), 0, line);
    return lines.join('');
  },
  function changeLineEnd(bytes, random) {
    return replaceOne(bytes, /\r\n/g, random, () => random.pick(lineEnds));
  },
  function changeEveryLineEnd(bytes, random) {
    return bytes.replaceAll('\r\n', random.pick(lineEnds));
  },
  function fold(bytes, random) {
    return replaceOne(bytes, / /g, random, () => random.pick(['\r\n ', '\r\n\t', '\n ', '  ', '\t']));
  },
  function takeLineOfOther(bytes, random, other) {
    return insert(bytes, random.pick(lineStarts(bytes)), random.pick(other.split(/(?<=\n)/)));
  },
  function crossOver(bytes, random, other) {
    return bytes.slice(0, random.pick(lineStarts(bytes))) + other.slice(random.pick(lineStarts(other)));
  },
  function splice(bytes, random, other) {
    const [from, to] = piece(other, random);
    return insert(bytes, random.below(bytes.length + 1), other.slice(from, to));
  },
  function pipelineOther(bytes, _random, other) {
    return bytes + other;
  },
  function cutShort(bytes, random) {
    return bytes.slice(0, random.below(bytes.length));
  },
  function makeLong(bytes, random) {
    const long = 'a'.repeat(random.pick([300, 5_000, 17_000]));
    return insert(bytes, random.below(bytes.length + 1), long);
  },
];
