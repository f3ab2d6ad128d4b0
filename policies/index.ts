/** The registry: one line for each policy. A new policy is NAME.ts, NAME.yaml, its line here, and a test. */
import type { Policy } from '../src/policy.ts';
import { bodyLimit } from './body-limit.ts';
import { clientAuth } from './client-auth.ts';
import { concurrency } from './concurrency.ts';
import { headers } from './headers.ts';
import { identity } from './identity.ts';
import { ipAccess } from './ip-access.ts';
import { keyInjection } from './key-injection.ts';
import { requestRate } from './request-rate.ts';

/** Every policy that `proxy.yaml` can name, by its name. */
export const policies: ReadonlyMap<string, Policy> = new Map(
  [bodyLimit, clientAuth, concurrency, headers, identity, ipAccess, keyInjection, requestRate].map((policy) => [
    policy.name,
    policy,
  ]),
);
