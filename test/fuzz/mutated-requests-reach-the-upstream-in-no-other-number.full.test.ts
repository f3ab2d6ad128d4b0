import { randomInt } from 'node:crypto';
import { fuzzTest } from './fuzz-test.ts';

fuzzTest(200_000, randomInt(2 ** 31));
