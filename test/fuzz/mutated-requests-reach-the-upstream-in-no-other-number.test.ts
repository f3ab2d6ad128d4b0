import { fuzzTest } from './fuzz-test.ts';

fuzzTest(3_000, 7480);
