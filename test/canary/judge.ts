/** What a run must show: every secret has been where it belongs, and nowhere else. */
import type { Captures } from './captures.ts';
import { GIVEN, mayBeIn, type Place, places } from './places.ts';
import { type Finding, Scanner } from './scan.ts';
import type { Scene } from './scene.ts';

/** A secret where it does not belong. */
export interface Leak extends Finding {
  readonly sink: string;
}

/** What is found of a scene's secrets in its captures. */
export interface Verdict {
  readonly leaks: readonly Leak[];
  /** Places whose secret was not found where it must have been: what was not sent cannot leak. */
  readonly unsent: readonly string[];
}

/** Judges a run. */
export function judge({ captures, secrets, more }: Pick<Scene, 'captures' | 'secrets' | 'more'>): Verdict {
  const all = new Map([...Object.entries(secrets), ...more]);
  return judgeSecrets(captures, new Scanner(all), places);
}

/** Judges captures by a table of places; a secret without a place may be nowhere. */
export function judgeSecrets(captures: Captures, scanner: Scanner, table: Readonly<Record<string, Place>>): Verdict {
  const leaks: Leak[] = [];
  const found = new Map<string, Set<string>>();
  for (const sink of captures.sinks) {
    for (const finding of scanner.scan(captures.bytes(sink))) {
      const sinks = found.get(finding.place) ?? new Set();
      found.set(finding.place, sinks.add(sink));
      const place = table[finding.place];
      if (sink !== GIVEN && (place === undefined || !mayBeIn(place, sink))) leaks.push({ sink, ...finding });
    }
  }
  const unsent = Object.entries(table)
    .filter(([name, { own, reaches = own[0] ?? GIVEN }]) => found.get(name)?.has(reaches) !== true)
    .map(([name]) => name);
  return { leaks, unsent };
}

/** For an assertion's message. */
export function describeLeaks(leaks: readonly Leak[]): string {
  return leaks
    .map(({ place, sink, form, around }) => `${place} (${form}) is in ${sink}: …${JSON.stringify(around)}…`)
    .join('\n');
}
