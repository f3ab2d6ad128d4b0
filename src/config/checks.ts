/**
 * What no schema can say: names that must exist, addresses that clash, upstreams that are not on the internet. Each
 * check is one function; a further check, or one that only warns, is one more in the list.
 */
import { forbiddenHost } from '../upstream/address-guard.ts';
import { checkSecretFiles } from './check-secret-files.ts';
import { schemaPart } from './describe-schema.ts';
import { clashes, formatListen, type ListenAddress, parseListen } from './listen.ts';
import { childPointer } from './pointer.ts';
import { type ConfigProblem, problemAt, type Report } from './problems.ts';
import { listNames } from './quote.ts';
import { didYouMean } from './suggest.ts';
import { type ConfigNode, nodeAt } from './tree.ts';

/** What a check is given: values that may be wrong in any way, and where to say so. */
interface Subject {
  readonly data: Readonly<Record<string, unknown>>;
  readonly tree: ConfigNode;
  /** Reports at a value's place. */
  say(pointer: string, message: string, severity?: ConfigProblem['severity']): void;
}

type Check = (subject: Subject) => void;

/** Runs every check over validated values (or what could be validated of them). */
export function runChecks(data: unknown, tree: ConfigNode, report: Report): void {
  const say: Subject['say'] = (pointer, message, severity) => {
    const node = nodeAt(tree, pointer);
    if (node.kind === 'scalar' && node.broken === true) return;
    report(problemAt(node.at, pointer, message, severity));
  };
  for (const check of checks) check({ data: schemaPart(data), tree, say });
}

const checks: readonly Check[] = [
  checkReferences,
  checkRoutePaths,
  checkListeners,
  checkUpstreamAddresses,
  ({ data, say }) => checkSecretFiles(data, (pointer, message) => say(pointer, message, 'warning')),
];

/** A path without slashes at its end: `/a` and `/a/` are one route. */
export function plainPath(path: string): string {
  return path.replace(/(?<=.)\/+$/, '');
}

/** Routes name upstreams; conditions name upstreams and routes. */
function checkReferences({ data, tree, say }: Subject): void {
  const upstreams = Object.keys(schemaPart(data.upstreams));
  const routes = listOf(data.routes).map((route) => schemaPart(route).path);
  const paths = routes.filter((path) => typeof path === 'string').map(plainPath);
  const expect = (
    kind: string,
    known: readonly string[],
    value: unknown,
    pointer: string,
    same = (name: string) => name,
  ) => {
    if (known.length === 0 || typeof value !== 'string' || value === '' || known.includes(same(value))) return;
    const node = nodeAt(tree, pointer);
    const meant = node.kind === 'scalar' && node.from === undefined ? didYouMean(value, known) : '';
    say(pointer, `names no ${kind} that exists${meant}; ${kind}s: ${listNames(known)}`);
  };
  for (const [i, route] of listOf(data.routes).entries()) {
    expect('upstream', upstreams, schemaPart(route).upstream, `/routes/${i}/upstream`);
  }
  for (const [i, entry] of listOf(data.policies).entries()) {
    const when = schemaPart(schemaPart(entry).when);
    for (const [pointer, name] of oneOrMany(when.upstream, `/policies/${i}/when/upstream`)) {
      expect('upstream', upstreams, name, pointer);
    }
    for (const [pointer, path] of oneOrMany(when.route, `/policies/${i}/when/route`)) {
      expect('route', paths, path, pointer, plainPath);
    }
  }
}

/** The longest path wins; two equal ones would leave one route dead. */
function checkRoutePaths({ data, tree, say }: Subject): void {
  const seen = new Map<string, string>();
  for (const [i, route] of listOf(data.routes).entries()) {
    const path = schemaPart(route).path;
    if (typeof path !== 'string') continue;
    const pointer = `/routes/${i}/path`;
    const earlier = seen.get(plainPath(path));
    if (earlier === undefined) {
      seen.set(plainPath(path), pointer);
      continue;
    }
    const { file, line, column } = nodeAt(tree, earlier).at;
    say(pointer, `is the path of another route already, at ${file}:${line}:${column}; give one of them another path`);
  }
}

/** Every listener needs an address of its own; port 0 is always free. */
function checkListeners({ data, say }: Subject): void {
  const taken: ListenAddress[] = [];
  for (const [place, entry] of [...oneOrMany(data.listen, '/listen'), ...oneOrMany(data.admin, '/admin')]) {
    const text = typeof entry === 'string' ? entry : schemaPart(entry).address;
    const pointer = typeof entry === 'string' ? place : childPointer(place, 'address');
    const wanted = addressesOf(text);
    const clash = wanted.flatMap((a) => taken.filter((b) => clashes(a, b)).map((b) => [a, b] as const)).at(0);
    if (clash !== undefined) {
      const [mine, other] = clash.map(formatListen);
      say(
        pointer,
        `wants ${mine}, which ${mine === other ? 'another listener has' : `${other} takes`}; use another port`,
      );
    }
    taken.push(...wanted);
  }
}

function addressesOf(text: unknown): ListenAddress[] {
  try {
    return typeof text === 'string' ? parseListen(text) : [];
  } catch {
    return []; // The schema has reported it.
  }
}

/** Addresses that can be judged without a resolver; names are judged when they are connected to. */
function checkUpstreamAddresses({ data, say }: Subject): void {
  for (const [name, value] of Object.entries(schemaPart(data.upstreams))) {
    const upstream = schemaPart(value);
    const url = typeof upstream.url === 'string' ? URL.parse(upstream.url) : null;
    if (url === null || upstream.allow_private !== false) continue;
    const reason = forbiddenHost(url.hostname);
    if (reason === undefined) continue;
    const pointer = `${childPointer('/upstreams', name)}/url`;
    say(
      pointer,
      `leads to an address that is not public (${reason}); set \`allow_private: true\` in this upstream if that is meant`,
    );
  }
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function oneOrMany(value: unknown, pointer: string): [pointer: string, value: unknown][] {
  if (!Array.isArray(value)) return [[pointer, value]];
  return value.map((item, i) => [childPointer(pointer, i), item]);
}
