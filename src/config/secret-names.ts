/** Which keys of a configuration may hold a secret, so that its value is neither echoed in messages nor shown by `/config`. */
import { splitPointer } from './pointer.ts';

const secret = /key|token|passw|passphrase|secret|authorization|cookie|credential/i;

/** Whether a key's name looks like one of a secret: it is better to hide too much than too little. */
export function looksSecret(name: string): boolean {
  return secret.test(name);
}

/** Whether a value stands under such a key, at any depth. */
export function standsUnderSecret(pointer: string): boolean {
  return splitPointer(pointer).some(looksSecret);
}
