/**
 * Patterns for values that a stranger chooses. JavaScript's own regular expressions backtrack: a pattern such as `(a+)+b`
 * takes minutes over forty characters. These are matched by an automaton, in time linear in the value whatever the pattern.
 * They know literals, `.`, classes, `\d \w \s`, groups, `|`, `* + ? {m,n}`, and always match the whole value.
 */
import { type Instruction, parsePattern } from './pattern-program.ts';

/** So many sets of places are remembered; when there are more, all are forgotten before the next value. */
const MAX_STATES = 500;

interface State {
  readonly at: readonly number[];
  readonly accepts: boolean;
  readonly next: Map<number, State>;
  /** Whether others may remember it. */
  readonly kept: boolean;
}

/** Compiles a pattern. Throws a SyntaxError that says what is not understood. */
export function compilePattern(pattern: string): (text: string) => boolean {
  const program = parsePattern(pattern);
  let states = new Map<string, State>();
  const stateOf = (from: readonly number[]): State => {
    const at = reachable(program, from);
    const key = at.join();
    const known = states.get(key);
    if (known !== undefined) return known;
    const accepts = at.some((index) => program[index]?.kind === 'match');
    const kept = states.size < MAX_STATES;
    const state: State = { at, accepts, next: new Map(), kept };
    if (kept) states.set(key, state);
    return state;
  };
  let start = stateOf([0]);
  return (text) => {
    if (states.size >= MAX_STATES) {
      states = new Map();
      start = stateOf([0]);
    }
    let state = start;
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i);
      let next = state.next.get(code);
      if (next === undefined) {
        next = stateOf(step(program, state.at, code));
        if (next.kept && state.next.size < 256) state.next.set(code, next);
      }
      if (next.at.length === 0) return false;
      state = next;
    }
    return state.accepts;
  };
}

function step(program: readonly Instruction[], at: readonly number[], code: number): number[] {
  const next: number[] = [];
  for (const index of at) {
    const instruction = program[index];
    if (instruction?.kind === 'one' && instruction.of(code)) next.push(index + 1);
  }
  return next;
}

/** Everything that is reached from these places without a character, in one order. */
function reachable(program: readonly Instruction[], from: readonly number[]): number[] {
  const seen = new Set<number>();
  const open = [...from];
  for (let index = open.pop(); index !== undefined; index = open.pop()) {
    if (seen.has(index)) continue;
    seen.add(index);
    const instruction = program[index];
    if (instruction?.kind === 'fork') open.push(...instruction.to);
  }
  return [...seen].filter((index) => program[index]?.kind !== 'fork').sort((a, b) => a - b);
}
