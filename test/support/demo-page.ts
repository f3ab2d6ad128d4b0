import { styleText } from 'node:util';

/** Writes the demo's page: headings, paragraphs, a table. Colour only where `colour` says so. */
export class DemoPage {
  readonly #out: NodeJS.WritableStream;
  readonly #colour: boolean;

  constructor(out: NodeJS.WritableStream, colour: boolean) {
    this.#out = out;
    this.#colour = colour;
  }

  /** A heading with an empty line before it. */
  heading(text: string): void {
    this.line(`\n${this.style('bold', text)}`);
  }

  /** One line, indented. */
  say(text = ''): void {
    this.line(text === '' ? '' : `  ${text}`);
  }

  /** One line, less important. */
  note(text: string): void {
    this.line(`  ${this.style('dim', text)}`);
  }

  /** Text as it comes, line breaks indented, nothing after it. */
  stream(text: string): void {
    this.#out.write(this.style('cyan', text.replace(/\n(?!\n)/g, '\n    ')));
  }

  /** Columns as wide as their widest cell; numbers go to the right. */
  table(head: readonly string[], rows: readonly (readonly (string | number)[])[]): void {
    const cells = [head, ...rows.map((row) => row.map(String))];
    const widths = head.map((_, column) => Math.max(...cells.map((row) => row[column]?.length ?? 0)));
    for (const [index, row] of cells.entries()) {
      const padded = row.map((cell, column) => {
        const width = widths[column] ?? 0;
        return typeof rows[0]?.[column] === 'number' ? cell.padStart(width) : cell.padEnd(width);
      });
      const text = padded.join('  ').trimEnd();
      this.say(index === 0 ? this.style('dim', text) : text);
    }
  }

  /** Text in a style, when colour is wanted. */
  style(style: 'bold' | 'dim' | 'cyan' | 'green' | 'yellow', text: string): string {
    return this.#colour ? styleText(style, text, { validateStream: false }) : text;
  }

  /** One line as it is. */
  line(text: string): void {
    this.#out.write(`${text}\n`);
  }
}

/** Whether a stream should get colour: a terminal, and NO_COLOR (https://no-color.org) unset or empty. */
export function wantsColour(out: { isTTY?: boolean }, env: NodeJS.ProcessEnv): boolean {
  return out.isTTY === true && (env.NO_COLOR ?? '') === '' && env.TERM !== 'dumb';
}
