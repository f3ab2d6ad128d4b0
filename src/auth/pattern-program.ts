/** Reads a pattern and writes the program of its automaton (Thompson's construction). See `pattern.ts`. */

/** One step: takes one character, goes on in several places, or has matched. */
export type Instruction =
  | { readonly kind: 'one'; readonly of: (code: number) => boolean }
  | { readonly kind: 'fork'; readonly to: number[] }
  | { readonly kind: 'match' };

const MAX_INSTRUCTIONS = 2_000;
const MAX_REPEAT = 256;

type Test = (code: number) => boolean;
/** Writes itself behind the program's end. */
type Part = (program: Instruction[]) => void;

const digit: Test = (code) => code >= 48 && code <= 57;
const word: Test = (code) => digit(code) || code === 95 || ((code | 32) >= 97 && (code | 32) <= 122);
const space: Test = (code) => code === 32 || (code >= 9 && code <= 13);
const not =
  (test: Test): Test =>
  (code) =>
    !test(code);
const shorthands: Readonly<Record<string, Test>> = {
  d: digit,
  D: not(digit),
  w: word,
  W: not(word),
  s: space,
  S: not(space),
};

/** The program of a pattern. Throws a SyntaxError. */
export function parsePattern(pattern: string): Instruction[] {
  const inner = pattern.replace(/^\^/, '').replace(/(?<!\\)((?:\\\\)*)\$$/, '$1');
  const reader = new Reader(inner);
  const part = reader.alternatives();
  if (!reader.done) throw new SyntaxError('a ) closes nothing');
  const program: Instruction[] = [];
  part(program);
  program.push({ kind: 'match' });
  return program;
}

class Reader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  get done(): boolean {
    return this.#at >= this.#text.length;
  }

  alternatives(): Part {
    const parts = [this.#sequence()];
    while (this.#take('|')) parts.push(this.#sequence());
    return parts.reduceRight((second, first) => either(first, second));
  }

  #sequence(): Part {
    const parts: Part[] = [];
    while (!this.done && this.#peek() !== '|' && this.#peek() !== ')') parts.push(this.#repeated(this.#atom()));
    return (program) => {
      for (const part of parts) part(program);
    };
  }

  #atom(): Part {
    const char = this.#next();
    if (char === '(') {
      if (this.#take('?') && !this.#take(':'))
        throw new SyntaxError('of the groups that begin with (? only (?: is known');
      const inside = this.alternatives();
      if (!this.#take(')')) throw new SyntaxError('a ( is not closed');
      return inside;
    }
    if (char === '[') return one(this.#class());
    if (char === '.') return one(() => true);
    if (char === '\\') return one(this.#escape());
    if ('*+?{}]^$'.includes(char))
      throw new SyntaxError(`${char} stands where it means nothing; \\${char} is the character`);
    return one(is(char));
  }

  #repeated(part: Part): Part {
    const sign = this.#peek();
    let [least, most] = [1, 1];
    if (sign === '*') [least, most] = [0, Number.POSITIVE_INFINITY];
    else if (sign === '+') [least, most] = [1, Number.POSITIVE_INFINITY];
    else if (sign === '?') [least, most] = [0, 1];
    else if (sign !== '{') return part;
    this.#at++;
    if (sign === '{') {
      const found = /^(\d{1,4})(,(\d{1,4})?)?\}/.exec(this.#text.slice(this.#at));
      if (found === null) throw new SyntaxError('a { begins a count, as in {2} or {1,64}; \\{ is the character');
      this.#at += found[0].length;
      least = Number(found[1]);
      most = found[2] === undefined ? least : Number(found[3] ?? Number.POSITIVE_INFINITY);
      if (least > most || least > MAX_REPEAT || (most > MAX_REPEAT && most !== Number.POSITIVE_INFINITY)) {
        throw new SyntaxError(`a count goes from the smaller to the larger number, at most ${MAX_REPEAT}`);
      }
    }
    if ('*+?{'.includes(this.#peek() || ' ')) throw new SyntaxError('a repetition is repeated; use a group');
    return repeat(part, least, most);
  }

  #class(): Test {
    const negated = this.#take('^');
    const tests: Test[] = [];
    while (this.#peek() !== ']') {
      if (this.done) throw new SyntaxError('a [ is not closed');
      const char = this.#next();
      if (char === '\\' && shorthands[this.#peek()] !== undefined) {
        tests.push(this.#escape());
        continue;
      }
      const low = char === '\\' ? this.#next() : char;
      if (this.#peek() !== '-' || this.#text[this.#at + 1] === ']') {
        tests.push(is(low));
        continue;
      }
      this.#at++;
      const high = this.#literal();
      const [from, to] = [low.charCodeAt(0), high.charCodeAt(0)];
      if (!(from <= to)) throw new SyntaxError(`the range ${low}-${high} is the wrong way round`);
      tests.push((code) => code >= from && code <= to);
    }
    this.#at++;
    const any: Test = (code) => tests.some((test) => test(code));
    return negated ? not(any) : any;
  }

  #escape(): Test {
    const char = this.#next();
    const known = shorthands[char];
    if (known !== undefined) return known;
    if (/[0-9a-z]/i.test(char)) throw new SyntaxError(`\\${char} is not known; \\d \\w \\s and their opposites are`);
    return is(char);
  }

  /** A character of a class, escaped or not. */
  #literal(): string {
    const char = this.#next();
    return char === '\\' ? this.#next() : char;
  }

  #peek(): string {
    return this.#text[this.#at] ?? '';
  }

  #next(): string {
    const char = this.#text[this.#at++];
    if (char === undefined) throw new SyntaxError('it ends in the middle');
    return char;
  }

  #take(char: string): boolean {
    if (this.#peek() !== char) return false;
    this.#at++;
    return true;
  }
}

function is(char: string): Test {
  const wanted = char.charCodeAt(0);
  return (code) => code === wanted;
}

function one(of: Test): Part {
  return (program) => write(program, { kind: 'one', of });
}

function either(first: Part, second: Part): Part {
  return (program) => {
    const fork = forkIn(program);
    fork.to.push(program.length);
    first(program);
    const over = forkIn(program);
    fork.to.push(program.length);
    second(program);
    over.to.push(program.length);
  };
}

function repeat(part: Part, least: number, most: number): Part {
  return (program) => {
    const start = program.length;
    for (let i = 0; i < least; i++) {
      part(program);
      // An empty group, however often, is nothing.
      if (program.length === start) return;
    }
    if (most === Number.POSITIVE_INFINITY) {
      const at = program.length;
      const fork = forkIn(program);
      fork.to.push(program.length);
      part(program);
      forkIn(program).to.push(at);
      fork.to.push(program.length);
      return;
    }
    const forks: { to: number[] }[] = [];
    for (let i = least; i < most; i++) {
      const fork = forkIn(program);
      fork.to.push(program.length);
      forks.push(fork);
      part(program);
    }
    for (const fork of forks) fork.to.push(program.length);
  };
}

function forkIn(program: Instruction[]): { readonly kind: 'fork'; readonly to: number[] } {
  const fork = { kind: 'fork', to: [] as number[] } as const;
  write(program, fork);
  return fork;
}

function write(program: Instruction[], instruction: Instruction): void {
  if (program.length >= MAX_INSTRUCTIONS) throw new SyntaxError('it is too large: its counts multiply');
  program.push(instruction);
}
