/** A load of takes while Redis is hurt, and the log lines that tell of it. */
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import type { ManagedLimitStore } from '../../src/limits/store.ts';
import { claimOf, freshWindow } from './stores.ts';

/** One take's patience; a loaded machine is granted as much again. */
const MOST_MS = 100 + 150;

/** Log lines, and waiting for one of them. */
export class Log {
  readonly lines: string[] = [];
  #wake = Promise.withResolvers<void>();
  info = (_: object, message: string) => this.#add(`info ${message}`);
  warn = (fields: object, message: string) => this.#add(`warn ${message}: ${'reason' in fields ? fields.reason : ''}`);
  #add(line: string): void {
    this.lines.push(line);
    this.#wake.resolve();
    this.#wake = Promise.withResolvers();
  }
  /** Resolves when so many lines are there. */
  async count(n: number): Promise<void> {
    while (this.lines.length < n) await this.#wake.promise;
  }
}

/** Takes 200 a second, of the keys in turn, until it is stopped; every one must be answered. */
export function load(t: TestContext, store: ManagedLimitStore, keys: readonly string[] = ['someone']) {
  const window = freshWindow(1_000_000, 60_000);
  const all: Promise<void>[] = [];
  let slowest = 0;
  let failed = 0;
  let waitedWhileDegraded = 0;
  const timer = setInterval(() => {
    const degraded = store.state() === 'degraded';
    const started = performance.now();
    const taken = store.take([claimOf(window, keys[all.length % keys.length])]);
    if (degraded && taken instanceof Promise) waitedWhileDegraded++;
    const done = Promise.resolve(taken).then(
      (verdicts) => {
        if (verdicts[0]?.granted !== true) failed++;
        const waited = performance.now() - started;
        slowest = Math.max(slowest, waited);
      },
      () => {
        failed++;
      },
    );
    all.push(done);
  }, 5);
  t.after(() => clearInterval(timer));
  return async () => {
    // A busy machine may have had no time for any.
    while (all.length < 4) await new Promise((resolve) => setTimeout(resolve, 5));
    clearInterval(timer);
    await Promise.all(all);
    assert.deepEqual({ failed, waitedWhileDegraded }, { failed: 0, waitedWhileDegraded: 0 });
    assert.ok(slowest < MOST_MS, `the slowest take waited ${slowest} ms`);
  };
}
