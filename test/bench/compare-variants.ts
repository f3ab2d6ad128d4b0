/** Ways to run Sluice, compared by their CPU for a request in one interleaved run. */

import type { Running } from './contenders/contender.ts';
import { type SluiceSetting, sluice } from './contenders/sluice.ts';
import { interleave } from './interleave.ts';
import { cpuPerRequest } from './measures.ts';
import { median } from './report/statistics.ts';
import { markdownTable, spread } from './report/table.ts';
import { type Bench, progress } from './setting.ts';

/** A shape of requests. */
export interface Shape {
  readonly name: string;
  /** What the provider answers, see `provider.ts`. */
  readonly model: string;
  readonly requests: number;
}

/** How much is run. */
export interface Amount {
  readonly rounds: number;
  /**
   * Processes of each variant: two of the very same differ too, by what the compiler made of them, and how far they do is
   * what variants may differ by chance.
   */
  readonly processes: number;
  readonly warmUp: number;
}

/** Medians of each process of a variant, by shape and variant. */
export type Costs = ReadonlyMap<string, ReadonlyMap<string, readonly number[]>>;

/** Measures all of them; keys of the result are the names of shapes, then of variants. */
export async function compareVariants(
  { processes }: Bench,
  variants: Readonly<Record<string, SluiceSetting>>,
  shapes: readonly Shape[],
  amount: Amount,
): Promise<Costs> {
  const all: { name: string; running: Running; costs: Map<string, number[]> }[] = [];
  for (let i = 0; i < amount.processes; i++) {
    for (const [name, setting] of Object.entries(variants)) {
      progress(`${name}: starts and warms up`);
      const running = await processes.startContender(sluice(name, setting));
      for (const { model } of shapes) await cpuPerRequest(processes, running, amount.warmUp, { model });
      all.push({ name, running, costs: new Map(shapes.map((shape) => [shape.name, []])) });
    }
  }
  const measure = async ({ running, costs }: (typeof all)[number]) => {
    for (const { name, model, requests } of shapes) {
      const { micros } = await cpuPerRequest(processes, running, requests, { model });
      costs.get(name)?.push(micros);
    }
  };
  const before = async (round: number) => progress(`round ${round + 1} of ${amount.rounds}`);
  await interleave(all, amount.rounds, measure, { before });
  return new Map(
    shapes.map((shape) => {
      const of = (name: string) =>
        all.filter((one) => one.name === name).map(({ costs }) => median(costs.get(shape.name) ?? []));
      return [shape.name, new Map(Object.keys(variants).map((name) => [name, of(name)]))];
    }),
  );
}

/** A table with the ratios to the first variant. */
export function costsTable(costs: Costs): string {
  const shapes = [...costs];
  const names = [...(shapes[0]?.[1].keys() ?? [])];
  const rows = names.map((name) => [
    name,
    ...shapes.flatMap(([, of]) => {
      const own = of.get(name) ?? [];
      return [`${spread(own, 0)} µs`, (median(own) / median([...of.values()][0] ?? [])).toFixed(2)];
    }),
  ]);
  return markdownTable(['', ...shapes.flatMap(([name]) => [name, `× ${names[0]}`])], rows);
}
