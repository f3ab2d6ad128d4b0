/** Who goes first in a queue: the `priority` option, compiled once and evaluated for each request that waits. */
import type { RequestContext } from '../policy.ts';
import { MAX_PRIORITY } from './slots.ts';

/** Thrown for a priority that is none; `index` is its place in the list. */
export class BadPriority extends Error {
  readonly index: number;
  constructor(message: string, index: number) {
    super(message);
    this.name = 'BadPriority';
    this.index = index;
  }
}

/** From 0 to {@link MAX_PRIORITY}, the higher first. */
export type PriorityOf = (ctx: RequestContext) => number;

/**
 * Compiles either one `header:NAME`, whose value is one digit (anything else counts as 0), or tags: the first of the
 * list that a request has decides, the earlier the higher, and a request that has none is last. Throws {@link BadPriority}.
 */
export function compilePriority(parts: readonly string[]): PriorityOf {
  if (parts.length === 0) return () => 0;
  const headers = parts.findIndex((part) => /^header:/i.test(part));
  if (headers >= 0) return byHeader(parts, headers);
  if (parts.length > MAX_PRIORITY) throw new BadPriority(`has more than ${MAX_PRIORITY} tags`, MAX_PRIORITY);
  const twice = parts.findIndex((part, i) => parts.indexOf(part) < i);
  if (twice >= 0) throw new BadPriority(`"${parts[twice]}" is there already`, twice);
  return ({ tags }) => {
    const rank = tags.size === 0 ? -1 : parts.findIndex((tag) => tags.has(tag));
    return rank < 0 ? 0 : MAX_PRIORITY - rank;
  };
}

function byHeader(parts: readonly string[], index: number): PriorityOf {
  if (parts.length > 1) throw new BadPriority('a header stands alone: use one header:NAME, or tags', index);
  // RFC 9110 §5.6.2: a field name is a token.
  const name = /^header:([!#$%&'*+.^_`|~0-9a-z-]{1,64})$/i.exec(parts[index] ?? '')?.[1]?.toLowerCase();
  if (name === undefined) throw new BadPriority(`"${parts[index]}" names no header: use header:NAME, or tags`, index);
  return (ctx) => {
    const value = ctx.in.headers.get(name);
    return value !== undefined && /^[0-9]$/.test(value) ? Number(value) : 0;
  };
}
