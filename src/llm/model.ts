/** Where a request names its model: in the path for Gemini and Azure, else in the JSON body. */
import { percentDecoded } from '../http/percent-decoded.ts';
import type { Dialect } from '../policy.ts';

const geminiPath = /\/models\/([^/:?]+)(?::|$)/;
const azurePath = /\/deployments\/([^/?]+)(?:\/|$)/;
const jsonType = /^application\/(?:[\w.+-]+\+)?json\b/i;

/** The model that the path names; undefined when this dialect (or this path) has it elsewhere. */
export function modelInPath(dialect: Dialect, path: string): string | undefined {
  const pattern = dialect === 'gemini' ? geminiPath : dialect === 'azure-openai' ? azurePath : undefined;
  const found = pattern?.exec(path)?.[1];
  return found === undefined ? undefined : percentDecoded(found);
}

/** True when a body of this content type may name a model. A client that leaves the type out is read as JSON. */
export function mayNameModel(contentType: string | undefined): boolean {
  return contentType === undefined || jsonType.test(contentType) || contentType.startsWith('text/plain');
}

/** The top-level `model` of a JSON body; undefined when there is none. Of several members the last counts, as everywhere. */
export function modelInBody(body: Buffer): string | undefined {
  const model = jsonObject(body)?.model;
  return typeof model === 'string' ? model : undefined;
}

/** The object that a body is; undefined when it is no JSON or none. */
export function jsonObject(body: Buffer): Record<string, unknown> | undefined {
  try {
    const parsed: unknown = JSON.parse(body.toString('utf8'));
    const isObject = typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed);
    return isObject ? (parsed as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
