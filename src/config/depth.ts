/** Measures how deep YAML is nested before anything recurses into it. */
import type { CST } from 'yaml';

interface Level {
  readonly token: CST.Token;
  readonly depth: number;
}

/** The offset of the first collection (in no particular order) that is nested deeper than `max`; undefined when none is. */
export function exceedsDepth(tokens: readonly CST.Token[], max: number): number | undefined {
  const open: Level[] = tokens.map((token) => ({ token, depth: 0 }));
  for (let level = open.pop(); level !== undefined; level = open.pop()) {
    const { token, depth } = level;
    if (token.type === 'document') {
      if (token.value !== undefined) open.push({ token: token.value, depth });
    } else if ('items' in token) {
      if (depth >= max) return token.offset;
      for (const { key, value } of token.items) {
        if (key != null) open.push({ token: key, depth: depth + 1 });
        if (value !== undefined) open.push({ token: value, depth: depth + 1 });
      }
    }
  }
  return undefined;
}
