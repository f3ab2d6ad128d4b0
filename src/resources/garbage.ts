/** Collects garbage now. V8 offers it only behind a flag, which is set when it is first needed. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

let collect: (() => void) | undefined;

/** Stops the world for a full collection: tens of milliseconds. Only where memory matters more than that. */
export function collectGarbage(): void {
  if (collect === undefined) {
    setFlagsFromString('--expose-gc');
    collect = runInNewContext('gc') as () => void;
  }
  collect();
}
