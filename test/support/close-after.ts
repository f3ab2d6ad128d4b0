import * as nodeTest from 'node:test';

/** What registers a clean-up: a TestContext, a SuiteContext or anything like them. */
export interface Scope {
  after(fn: () => unknown): void;
}

/**
 * Registers `close` to run after the test, suite or hook in whose context this is called (or after `scope`, when it is
 * given). Outside of a test, for example in the demo, nothing is registered and the caller closes by itself.
 */
export function closeAfter(scope: Scope | undefined, close: () => unknown): void {
  // Node 24 has getTestContext only since 24.19, and the demo should run on any 24.
  const context = scope ?? ('getTestContext' in nodeTest ? nodeTest.getTestContext() : undefined);
  if (context !== undefined && 'after' in context) context.after(close);
}
