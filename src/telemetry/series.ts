/**
 * Counters, gauges and histograms whose recorders are bound once, so that recording is a few additions: prom-client
 * builds a string from the labels at each observation, bound child or not. prom-client still owns the registry and the
 * text format; these are metrics that it asks for their values when it is scraped.
 */
import type { Metric, Registry } from 'prom-client';

/** Label names and their values, in order. Values come from the configuration or from closed lists only. */
export type Labels = Readonly<Record<string, string>>;

interface Value {
  readonly labels: Record<string, string | number>;
  readonly value: number;
  readonly metricName?: string;
}

interface Family {
  readonly name: string;
  readonly help: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  values(): Value[];
}

function register(registry: Registry, family: Family): void {
  const metric = {
    name: family.name,
    get: () =>
      Promise.resolve({
        name: family.name,
        help: family.help,
        type: family.type,
        aggregator: 'sum',
        values: family.values(),
      }),
    reset: () => {},
  };
  // A registry needs of a metric its name and what `get()` resolves to; the declared type asks for one of the classes.
  registry.registerMetric(metric as unknown as Metric);
}

/** One series of a counter or gauge. */
export class Cell {
  value = 0;
  inc(): void {
    this.value += 1;
  }
  dec(): void {
    this.value -= 1;
  }
  add(amount: number): void {
    this.value += amount;
  }
  set(value: number): void {
    this.value = value;
  }
}

/** One series of a histogram. */
export class Distribution {
  readonly bounds: readonly number[];
  readonly counts: number[];
  sum = 0;
  count = 0;

  constructor(bounds: readonly number[]) {
    this.bounds = bounds;
    this.counts = bounds.map(() => 0);
  }

  /** Records one value; what is not a finite number is left out, what is negative counts as 0 (clock steps). */
  observe(value: number): void {
    if (!Number.isFinite(value)) return;
    const positive = value > 0 ? value : 0;
    this.sum += positive;
    this.count += 1;
    const { bounds } = this;
    for (let i = 0; i < bounds.length; i += 1) {
      if (positive <= (bounds[i] as number)) {
        this.counts[i] = (this.counts[i] as number) + 1;
        return;
      }
    }
  }
}

/** Makes or finds the series with these labels. Keep what it returns: this is the slow part. */
export type Bind<Series> = (labels?: Labels) => Series;

/** A counter family. The name ends in `_total`. */
export function counter(registry: Registry, name: string, help: string): Bind<Cell> {
  return cells(registry, 'counter', name, help);
}

/** A gauge family. */
export function gauge(registry: Registry, name: string, help: string): Bind<Cell> {
  return cells(registry, 'gauge', name, help);
}

/** A family whose series are told anew before each scrape: what is not told any more is gone. A gauge unless it is said. */
export function snapshot(
  registry: Registry,
  name: string,
  help: string,
  type: 'counter' | 'gauge' = 'gauge',
): (series: readonly (readonly [Labels, number])[]) => void {
  let told: readonly (readonly [Labels, number])[] = [];
  const values = () => told.map(([labels, value]) => ({ labels: { ...labels }, value }));
  register(registry, { name, help, type, values });
  return (series) => {
    told = series;
  };
}

function cells(registry: Registry, type: 'counter' | 'gauge', name: string, help: string): Bind<Cell> {
  const { series, bind } = family(() => new Cell());
  const values = () => series().map(([labels, cell]) => ({ labels: { ...labels }, value: cell.value }));
  register(registry, { name, help, type, values });
  return bind;
}

/** A histogram family. `bounds` are the upper bounds of its buckets, ascending, without +Inf. */
export function histogram(
  registry: Registry,
  name: string,
  help: string,
  bounds: readonly number[],
): Bind<Distribution> {
  const { series, bind } = family(() => new Distribution(bounds));
  const values = () => series().flatMap(([labels, one]) => expose(name, labels, one));
  register(registry, { name, help, type: 'histogram', values });
  return bind;
}

function expose(name: string, labels: Labels, one: Distribution): Value[] {
  let below = 0;
  const buckets = one.bounds.map((bound, i): Value => {
    below += one.counts[i] ?? 0;
    return { metricName: `${name}_bucket`, labels: { ...labels, le: bound }, value: below };
  });
  return [
    ...buckets,
    { metricName: `${name}_bucket`, labels: { ...labels, le: '+Inf' }, value: one.count },
    { metricName: `${name}_sum`, labels: { ...labels }, value: one.sum },
    { metricName: `${name}_count`, labels: { ...labels }, value: one.count },
  ];
}

function family<Series>(make: () => Series): { series(): [Labels, Series][]; bind: Bind<Series> } {
  const all = new Map<string, [Labels, Series]>();
  const bind = (labels: Labels = {}) => {
    const key = JSON.stringify(labels);
    let found = all.get(key);
    if (found === undefined) {
      found = [labels, make()];
      all.set(key, found);
    }
    return found[1];
  };
  return { series: () => [...all.values()], bind };
}
