/** Reads the model that a request names, for policies and conditions that need it. */
import { type Problem, problem } from '../errors.ts';
import { mayNameModel, modelInBody, modelInPath } from '../llm/model.ts';
import type { MaybePromise, RequestContext } from '../policy.ts';

/**
 * The model's name; undefined when the request names none; a problem when its body must be looked into and cannot be, so
 * that it does not slip past a policy that asks for its model.
 * @param max most bytes of a body that are waited for
 */
export function readModel(ctx: RequestContext, max: number): MaybePromise<string | Problem | undefined> {
  const inPath = modelInPath(ctx.upstream.dialect, ctx.out.path);
  if (inPath !== undefined || ctx.body.declaredLength === 0) return inPath;
  const { headers } = ctx.in;
  if (!mayNameModel(headers.get('content-type'))) return undefined;
  if (headers.has('content-encoding')) {
    return problem('body_not_readable', {
      detail: 'A policy needs the model; send the body without Content-Encoding.',
    });
  }
  const body = ctx.body.peek(max);
  return body instanceof Promise ? body.then((whole) => modelOf(whole, max)) : modelOf(body, max);
}

function modelOf(body: Buffer | undefined, max: number): string | Problem | undefined {
  if (body !== undefined) return modelInBody(body);
  return problem('body_too_large', { detail: `A policy needs the model, and the body is larger than ${max} bytes.` });
}
