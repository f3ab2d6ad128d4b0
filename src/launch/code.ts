/**
 * Loads the code of the bundle (`sluice.cjs`) with what V8 made of it before. Node's own compile cache holds what is compiled
 * when a file is loaded; the functions that a start then calls, two thirds of its compiling, are in a cache only when it is
 * taken after they ran (`warm-up.ts`). And it is bound to one uid and one model of CPU, which an image does not know.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { debuglog } from 'node:util';
import { constants, Script } from 'node:vm';

/** Names the code; set by the build. V8 itself would take another code of the same length for this one. */
declare const CODE_DIGEST: string;

/** The name of the cache of this code. */
export const cacheName = `sluice-${CODE_DIGEST}.cache`;

/** Compiles the code that lies in `folder`; a cache that is not there or that V8 does not take costs time only. */
export function loadCode(folder: string): { readonly script: Script; run(): void } {
  const filename = join(folder, 'sluice.cjs');
  const cachedData = readIfThere(join(folder, cacheName));
  const script = new Script(readFileSync(filename, 'latin1'), {
    filename,
    ...(cachedData && { cachedData }),
    importModuleDynamically: constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
  });
  // Another version of Node, or flags that change what V8 makes of code.
  debuglog('sluice')(
    'code cache: %s',
    cachedData === undefined ? 'absent' : accepted(script) ? 'accepted' : 'rejected',
  );
  return { script, run: () => script.runInThisContext()(createRequire(filename)) };
}

function accepted(script: Script): boolean {
  return script.cachedDataRejected === false;
}

function readIfThere(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch {
    return undefined;
  }
}
