/** Preloaded into a Sluice that is to crash (`--import`): each signal is one way to go down, or nearly. */
import { getHeapStatistics } from 'node:v8';

const fail = () => {
  setImmediate(() => {
    throw new Error('an error that the test has thrown');
  });
};

// Nobody awaits it: main.ts catches it and goes on.
process.on('SIGPWR', fail);

// The process ends as if main.ts did not listen.
process.on('SIGWINCH', () => {
  process.removeAllListeners('uncaughtException');
  fail();
});

// The heap runs full: a fatal error, which no handler sees.
process.on('SIGIO', () => {
  const kept: object[] = [];
  while (getHeapStatistics().heap_size_limit > 0) kept.push(Array.from({ length: 10_000 }, (_, i) => ({ i })));
});
