/** Whether bytes are exactly the error event that makes the SDK of a script's dialect raise. */
import { catalogue } from '../../src/errors.ts';
import type { Script } from './script.ts';

/** One whole event in its dialect's form, with a code of the catalogue, and nothing else. */
export function isErrorEvent(script: Script, text: string): boolean {
  const named = script.upstream === 'anthropic' || script.path.includes('/responses/');
  const json = (named ? /^event: error\ndata: ([^\n]+)\n\n$/ : /^data: ([^\n]+)\n\n$/).exec(text)?.[1];
  if (json === undefined || script.upstream === 'none' || script.upstream === 'drained') return false;
  try {
    const data = JSON.parse(json);
    if (script.upstream === 'anthropic') {
      return data.type === 'error' && typeof data.error.type === 'string' && typeof data.error.message === 'string';
    }
    const error = named ? data : data.error;
    return error.code in catalogue && typeof error.message === 'string' && (!named || data.type === 'error');
  } catch {
    return false;
  }
}
