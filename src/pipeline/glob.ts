/**
 * Globs: `*` matches any text within a segment (no `/`), `**` any text at all; everything else is literal. Matching is
 * linear in the text times the pattern whatever a client sends: no regular expression, so no catastrophic backtracking.
 */

/** A compiled glob. */
export type Glob = (text: string) => boolean;

type Token = string | typeof star | typeof doubleStar;
const star = 1;
const doubleStar = 2;

/** Compiles one glob. */
export function compileGlob(pattern: string): Glob {
  const tokens = tokenize(pattern);
  const [first, second] = tokens;
  if (tokens.length === 0) return (text) => text === '';
  if (tokens.length === 1) {
    if (typeof first === 'string') return (text) => text === first;
    return first === doubleStar ? () => true : (text) => !text.includes('/');
  }
  if (tokens.length === 2 && typeof first === 'string') {
    if (second === doubleStar) return (text) => text.startsWith(first);
    return (text) => text.startsWith(first) && text.indexOf('/', first.length) < 0;
  }
  return (text) => simulate(tokens, text);
}

/** Compiles several: true when any matches. */
export function compileGlobs(patterns: string | readonly string[]): Glob {
  const globs = typeof patterns === 'string' ? [compileGlob(patterns)] : patterns.map(compileGlob);
  const [only] = globs;
  if (globs.length === 1 && only !== undefined) return only;
  return (text) => globs.some((glob) => glob(text));
}

function tokenize(pattern: string): Token[] {
  const tokens: Token[] = [];
  for (const [part] of pattern.matchAll(/\*+|[^*]+/g)) {
    tokens.push(part === '*' ? star : part.startsWith('*') ? doubleStar : part);
  }
  return tokens;
}

/** Walks the tokens and keeps the set of positions in the text that each prefix of them can have reached. */
function simulate(tokens: readonly Token[], text: string): boolean {
  let reached = new Uint8Array(text.length + 1);
  reached[0] = 1;
  for (const token of tokens) {
    const next = new Uint8Array(text.length + 1);
    if (typeof token === 'string') {
      for (let at = text.indexOf(token); at >= 0; at = text.indexOf(token, at + 1)) {
        if (reached[at] === 1) next[at + token.length] = 1;
      }
    } else {
      let open = false;
      for (let at = 0; at <= text.length; at++) {
        if (token === star && at > 0 && text.charCodeAt(at - 1) === 47) open = false;
        if (reached[at] === 1) open = true;
        if (open) next[at] = 1;
      }
    }
    reached = next;
  }
  return reached[text.length] === 1;
}
