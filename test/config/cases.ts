/** Tables of mistakes and of the message that each of them must give. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { base, problemsOf } from './sample.ts';

/** A mistake. */
export interface Case {
  readonly yaml: string;
  /** The line (seldom lines) that must come and no other, without the name of the file. */
  readonly says: string;
}

/** A whole configuration. */
export const whole = (yaml: string, says: string): Case => ({ yaml, says });

/** What stands behind {@link base}: its first line is line 6. */
export const after = (yaml: string, says: string): Case => whole(base + yaml, says);

/** Options of a policy: they begin at line 8, column 11. */
export const options = (policy: string, entry: string, says: string): Case =>
  after(`policies:\n  - policy: ${policy}\n    with: ${entry}\n`, says);

/** The URL of an upstream. */
export const url = (text: string, says: string): Case =>
  whole(`upstreams: { a: { url: "${text}" } }\nroutes: [{ path: /, upstream: a }]\n`, `1:24  upstreams.a.url  ${says}`);

/** One test for each case. */
export function checkCases(cases: readonly Case[]): void {
  for (const { yaml, says } of cases) {
    test(`${JSON.stringify(yaml.replace(base, '… '))} → ${says}`, () => {
      assert.deepEqual(
        problemsOf(yaml),
        says.split('\n').map((line) => `proxy.yaml:${line}`),
      );
    });
  }
}
