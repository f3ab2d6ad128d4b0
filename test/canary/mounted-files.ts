/** Files with secrets that are swapped during the run, as a mounted Secret does it. */
import { stringify } from 'yaml';
import { entryOf } from '../support/client-keys.ts';
import type { Scope } from '../support/close-after.ts';
import { type MountedSecret, mountSecret } from '../support/mounted-secret.ts';
import type { SluiceProcess } from '../support/spawn-sluice.ts';
import type { PlaceName } from './places.ts';
import type { Secret } from './secrets.ts';

/** See the module. */
export interface MountedFiles {
  readonly poolA: MountedSecret;
  readonly poolB: MountedSecret;
  /** Keys of callers, by their hashes. */
  readonly callers: MountedSecret;
  /** New values for all of them; before it, a file of callers that holds a key where its hash belongs. */
  swap(sluice: SluiceProcess): Promise<void>;
}

/** Mounts them with their first values. */
export async function mountFiles(t: Scope, secrets: Readonly<Record<PlaceName, Secret>>): Promise<MountedFiles> {
  const text = (place: PlaceName) => secrets[place].text;
  const callersWith = (place: PlaceName, identity: string) => stringify([entryOf(text(place), identity)]);
  const [poolA, poolB, callers] = await Promise.all([
    mountSecret(t, text('refused key of pool A')),
    mountSecret(t, text('limited key of pool B')),
    mountSecret(t, callersWith('key of a caller in a file', 'by-file')),
  ]);
  return {
    poolA,
    poolB,
    callers,
    async swap(sluice) {
      const wrong = text('key of a caller in a file after its swap');
      await callers.publish(`- { hash: "${wrong}", identity: by-file }\n- "${wrong}": {{ ${wrong}`);
      await sluice.logged(({ msg }) => msg === 'the file of client keys cannot be used; the last keys stay');
      await callers.publish(callersWith('key of a caller in a file after its swap', 'by-swapped-file'));
      await sluice.logged(({ msg }) => msg === 'the file of client keys has been read again');
      await poolA.publish(text('refused key of pool A after its swap'));
      await poolB.publish(text('limited key of pool B after its swap'));
    },
  };
}
