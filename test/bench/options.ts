/** The command line of the benches. */
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

/** What a bench is told. */
export interface BenchOptions {
  /** Matches the names of what is measured. */
  readonly only: RegExp;
  readonly rounds: number;
  readonly out: string;
  /** False: the bundle that is there. */
  readonly build: boolean;
}

/** Reads them; ends the process with 2 and a reason when they are wrong. */
export function readBenchOptions(defaults: { readonly rounds: number }): BenchOptions {
  try {
    const { values } = parseArgs({
      options: {
        only: { type: 'string', default: '' },
        rounds: { type: 'string', default: `${defaults.rounds}` },
        out: { type: 'string', default: fileURLToPath(new URL('results', import.meta.url)) },
        'no-build': { type: 'boolean', default: false },
      },
    });
    const rounds = Number(values.rounds);
    if (!Number.isInteger(rounds) || rounds < 1) throw new Error('--rounds takes a whole number from 1 on');
    return { only: new RegExp(values.only, 'i'), rounds, out: values.out, build: !values['no-build'] };
  } catch (error) {
    console.error(error instanceof Error ? error.message : String(error));
    process.exit(2);
  }
}
