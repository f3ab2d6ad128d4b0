/** Compiles `when`: every key must hold, a list means any of. What needs the body is asked last, and only if the rest holds. */
import type { When } from '../config/schema.ts';
import { compileCidrs } from '../http/client-address.ts';
import type { MaybePromise, RequestContext } from '../policy.ts';
import type { Entry } from './entry.ts';
import { compileGlobs } from './glob.ts';
import { shadowContext } from './shadow.ts';
import type { Subject } from './subject.ts';

/** Says whether a policy acts on a request going to that upstream. */
export type Condition = (ctx: RequestContext, upstream: string) => MaybePromise<boolean>;

/** Whether an entry acts on an exchange that goes to that upstream. A policy in shadow mode judges without an effect here too. */
export function applies(entry: Entry, subject: Subject, upstream: string): MaybePromise<boolean> {
  if (entry.rollout !== undefined && !entry.rollout(subject)) return false;
  if (entry.when === undefined) return true;
  return entry.when(entry.enforced ? subject : shadowContext(subject, entry), upstream);
}

type Test = (ctx: RequestContext, upstream: string) => boolean;

const list = (value: string | string[]): readonly string[] => (typeof value === 'string' ? [value] : value);

/** Compiles a condition; undefined for none, which always holds. */
export function compileWhen(when: When | undefined): Condition | undefined {
  if (when === undefined) return undefined;
  const tests: Test[] = [];
  const { upstream, route, method, client, path, header, identity, tag, model } = when;
  if (upstream !== undefined) {
    const names = new Set(list(upstream));
    tests.push((_ctx, name) => names.has(name));
  }
  if (route !== undefined) {
    const paths = new Set(list(route));
    tests.push((ctx) => paths.has(ctx.route.path));
  }
  if (method !== undefined) {
    const methods = new Set(list(method).map((name) => name.toUpperCase()));
    tests.push((ctx) => methods.has(ctx.in.method));
  }
  if (client !== undefined) {
    const inside = compileCidrs(list(client));
    tests.push((ctx) => inside(ctx.client.ip));
  }
  if (path !== undefined) {
    const glob = compileGlobs(path);
    tests.push((ctx) => glob(ctx.out.path));
  }
  for (const [name, globs] of Object.entries(header ?? {})) {
    const glob = compileGlobs(globs);
    tests.push((ctx) => ctx.in.headers.getAll(name).some(glob));
  }
  if (identity !== undefined) {
    const glob = compileGlobs(identity);
    tests.push((ctx) => ctx.identity !== undefined && glob(ctx.identity));
  }
  if (tag !== undefined) {
    const tags = list(tag);
    tests.push((ctx) => tags.some((name) => ctx.tags.has(name)));
  }
  // Most conditions are one test.
  const [only] = tests;
  const holds: Test =
    only !== undefined && tests.length === 1 ? only : (ctx, name) => tests.every((test) => test(ctx, name));
  if (model === undefined) return holds;
  const glob = compileGlobs(model);
  const matches = (name: string | undefined) => name !== undefined && glob(name);
  return (ctx, name) => {
    if (!holds(ctx, name)) return false;
    const found = ctx.model();
    return found instanceof Promise ? found.then(matches) : matches(found);
  };
}
