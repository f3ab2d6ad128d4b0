/** Upstreams with several keys: the first ones are refused or limited, so that requests go again with another. */
import type { MountedFiles } from './mounted-files.ts';
import type { PlaceName } from './places.ts';
import type { Secret } from './secrets.ts';

type Secrets = Readonly<Record<PlaceName, Secret>>;

/** What the upstreams play for a key, whatever the request asks for. */
export function answersByKey(secrets: Secrets): ReadonlyMap<string, string> {
  const played: readonly (readonly [PlaceName, string])[] = [
    ['refused key of pool A', '401'],
    ['refused key of pool A after its swap', '401'],
    ['limited key of pool A', 'limited'],
    ['limited key of pool B', 'limited'],
    ['limited key of pool B after its swap', 'limited'],
  ];
  return new Map(played.map(([place, answer]) => [secrets[place].text, answer]));
}

/** Variables with keys. */
export function poolEnvironment(secrets: Secrets): Record<string, string> {
  return {
    POOL_A_LIMITED: secrets['limited key of pool A'].text,
    POOL_A_GOOD: secrets['good key of pool A'].text,
    POOL_B_GOOD: secrets['good key of pool B'].text,
  };
}

/** The policies that use them. */
export function poolPolicies({ poolA, poolB }: MountedFiles): object[] {
  const pool = (upstream: string, keys: readonly object[], pick: string) => ({
    policy: 'key-injection',
    id: `${upstream}-keys`,
    when: { upstream },
    with: { keys, pick },
  });
  const ofA = [
    { file: poolA.file, name: 'refused' },
    { env: 'POOL_A_LIMITED', name: 'limited' },
    { env: 'POOL_A_GOOD', name: 'good' },
  ];
  const ofB = [
    { file: poolB.file, name: 'limited' },
    { env: 'POOL_B_GOOD', name: 'good' },
  ];
  return [pool('pool-a', ofA, 'failover'), pool('pool-b', ofB, 'round_robin')];
}
