/** What the HTTP conventions make of a method, which a client chooses. */
import type { Attributes } from '@opentelemetry/api';
import * as semconv from './semconv.ts';

/** The method; an unknown one is `_OTHER` with its first characters beside it. */
export function methodAttributes(method: string): Attributes {
  if (semconv.KNOWN_METHODS.has(method)) return { [semconv.HTTP_METHOD]: method };
  return { [semconv.HTTP_METHOD]: semconv.OTHER_METHOD, [semconv.HTTP_METHOD_ORIGINAL]: method.slice(0, 32) };
}

/** The method as part of a span's name. */
export function spanMethod(method: string): string {
  return semconv.KNOWN_METHODS.has(method) ? method : 'HTTP';
}
