/** What the metrics say of provider keys: a snapshot at each scrape, so that the series of a replaced key are gone. */
import type { Registry } from 'prom-client';
import type { KeyStanding } from '../policy.ts';
import { type Labels, snapshot } from './series.ts';

/** Registers the two families; what it returns is told how every key stands before each render. */
export function keySeries(registry: Registry): (all: readonly KeyStanding[]) => void {
  const state = snapshot(
    registry,
    'sluice_key_state',
    'Provider keys: 1 usable, 0 resting, below 0 taken out or gone.',
  );
  const help = 'Attempts that a provider key was set on.';
  const uses = snapshot(registry, 'sluice_key_uses_total', help, 'counter');
  return (all) => {
    // Two entries of one upstream may call their keys alike: the worse state is shown, and all uses.
    const merged = new Map<string, { labels: Labels; standing: number; uses: number }>();
    for (const { upstream, id, standing, uses } of all) {
      const known = merged.get(JSON.stringify([upstream, id]));
      merged.set(JSON.stringify([upstream, id]), {
        labels: { upstream, key_id: id },
        standing: Math.min(known?.standing ?? 1, standing),
        uses: (known?.uses ?? 0) + uses,
      });
    }
    const series = [...merged.values()];
    state(series.map(({ labels, standing }) => [labels, standing] as const));
    uses(series.map(({ labels, uses }) => [labels, uses] as const));
  };
}
