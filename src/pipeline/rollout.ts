/** The share of keys a policy acts on: stable for an identity (else an address) and independent between policies. */
import type { RequestContext } from '../policy.ts';

/** Compiles a share from 0 to 1; undefined for all. */
export function compileRollout(share: number, id: string): ((ctx: RequestContext) => boolean) | undefined {
  if (share >= 1) return undefined;
  const limit = share * 0x1_0000_0000;
  return (ctx) => fnv1a(`${id}\0${ctx.identity ?? ctx.client.ip}`) < limit;
}

/** FNV-1a, 32 bits, with a final mix: neighbouring keys must not fall on the same side. */
function fnv1a(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
