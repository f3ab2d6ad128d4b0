import assert from 'node:assert/strict';
import { test } from 'node:test';
import { policies } from '../../policies/index.ts';
import { ConfigProblems, checkConfig } from '../../src/app.ts';
import { mistakesWith } from './mistakes.ts';
import { Scanner } from './scan.ts';
import { makeSecret } from './secrets.ts';

// One form that the redaction knows, and one that nobody could.
for (const prefix of ['sk-proj-', 'x']) {
  test(`no message about a mistake shows a secret ("${prefix}…")`, async () => {
    const secret = makeSecret(prefix);
    const scanner = new Scanner(new Map([['it', secret]]));
    const leaks: string[] = [];
    for (const { name, yaml } of mistakesWith(secret.text)) {
      // As a variable it comes with a line end, so that it is wrong wherever a text would do.
      const env = { SECRET: `${secret.text}\n` };
      const error = await checkConfig({ yaml, policies, env }).then(
        () => assert.fail(`${name}: it is no mistake`),
        (thrown: unknown) => thrown,
      );
      assert.ok(error instanceof ConfigProblems, `${name}: ${String(error)}`);
      const told = `${error.message}\n${JSON.stringify(error.problems)}\n${error.stack}`;
      for (const { around } of scanner.scan(Buffer.from(told))) leaks.push(`${name}: ${around}`);
    }
    assert.deepEqual(leaks, []);
  });
}
