/**
 * Reads YAML 1.2 into a tree with places. The text may be hostile: size, depth and what aliases expand to are bounded,
 * and whatever is wrong becomes a problem with its place, never an exception.
 */
import { Composer, type CST, type Document, isScalar, LineCounter, Parser } from 'yaml';
import { exceedsDepth } from './depth.ts';
import { type Location, problemAt, type Report } from './problems.ts';
import type { ConfigNode } from './tree.ts';
import { treeOf } from './tree-of-document.ts';

/** Largest file, in bytes. A ConfigMap cannot hold more, and the parser's time grows with it (seconds at worst). */
export const MAX_FILE_BYTES = 1024 * 1024;

/** Deepest nesting; a configuration needs about ten levels. */
export const MAX_DEPTH = 64;

/** Parses one file's text. Undefined when it cannot be used at all; what is wrong has been reported then. */
export function parseText(file: string, text: string, report: Report): ConfigNode | undefined {
  const counter = new LineCounter();
  const locate = (offset: number): Location => {
    const { line, col } = counter.linePos(offset);
    return { file, line: Math.max(line, 1), column: Math.max(col, 1) };
  };
  const refuse = (offset: number, message: string): undefined => {
    report(problemAt(locate(offset), '', message));
  };
  const whole = (message: string): undefined => {
    report(problemAt({ file, line: 0, column: 0 }, '', message));
  };

  if (text.length > MAX_FILE_BYTES) return whole(tooLarge);
  try {
    const tokens = [...new Parser(counter.addNewLine).parse(text)];
    // YAML allows no controls but tab and line ends; a terminal that shows one would obey it.
    const control = /[^\P{Cc}\t\n\r\u{85}]/u.exec(text);
    if (control !== null) return refuse(control.index, 'has a control character here, which YAML does not allow');
    const deep = exceedsDepth(tokens, MAX_DEPTH);
    if (deep !== undefined) return refuse(deep, `is nested deeper than ${MAX_DEPTH} levels`);
    const documents = compose(tokens, text.length);
    const [document, second] = documents;
    if (document === undefined) return whole(empty);
    const faults = documents.flatMap((one) => [...one.errors, ...one.warnings]);
    if (faults.length > 0) {
      // One fault makes more behind it; the first of each line is what to look at.
      const lines = new Set<number>();
      for (const { pos, message } of faults) {
        const at = locate(pos[0]);
        if (lines.size >= 10 || lines.has(at.line)) continue;
        lines.add(at.line);
        // A password may begin with `!`.
        report(problemAt(at, '', `is not valid YAML: ${message.replace(/^(Unresolved tag):.*/s, '$1')}`));
      }
      return undefined;
    }
    if (second !== undefined) {
      return refuse(second.range[0], 'holds a second document after `---`; put it into a file of its own');
    }
    if (document.directives?.yaml.version !== '1.2') {
      return refuse(0, 'asks for another version of YAML; leave the %YAML line away, this is YAML 1.2');
    }
    if (isAbsent(document.contents)) return whole(empty);
    return treeOf(document, locate, report);
  } catch {
    // The parser recurses and concatenates; a text made to break it ends here, not in a stack trace.
    return whole('is not YAML that can be read');
  }
}

const empty = 'is empty; see proxy.yaml for an example';

/** Nothing at all, or a value of no length behind `---`. */
function isAbsent(node: Document.Parsed['contents'] | null): boolean {
  return node === null || (isScalar(node) && node.value === null && node.range[0] === node.range[1]);
}

/** Why a file above {@link MAX_FILE_BYTES} is refused. */
export const tooLarge = `is larger than ${MAX_FILE_BYTES / 1024} KiB; split it into several files`;

function compose(tokens: readonly CST.Token[], length: number): Document.Parsed[] {
  const options = {
    version: '1.2',
    schema: 'core',
    // Duplicate keys are found in treeOf, in linear time and with both places.
    uniqueKeys: false,
    stringKeys: true,
    prettyErrors: false,
    logLevel: 'silent',
  } as const;
  return [...new Composer(options).compose(tokens, false, length)];
}
