import type { ReceivedSpan } from './otlp-receiver.ts';

/** Spans as a tree of text, each below its parent, with status, attributes and events; for people who read a test's output. */
export function spanTree(spans: readonly ReceivedSpan[]): string {
  const ids = new Set(spans.map(({ spanId }) => spanId));
  const lines: string[] = [];
  const print = (span: ReceivedSpan, depth: number) => {
    const indent = '  '.repeat(depth);
    const took = (span.endMs - span.startMs).toFixed(1);
    lines.push(`${indent}${span.name} (${span.kind}, ${took} ms, status ${span.status})`);
    for (const [name, value] of Object.entries(span.attributes).sort(([a], [b]) => (a < b ? -1 : 1))) {
      lines.push(`${indent}  · ${name} = ${JSON.stringify(value)}`);
    }
    for (const { name, atMs, attributes } of span.events) {
      const told = Object.values(attributes).join(' ');
      lines.push(`${indent}  @ ${(atMs - span.startMs).toFixed(1)} ms ${name} ${told}`.trimEnd());
    }
    for (const child of spans.filter(({ parentSpanId }) => parentSpanId === span.spanId)) print(child, depth + 1);
  };
  for (const root of spans.filter(({ parentSpanId }) => !ids.has(parentSpanId))) print(root, 0);
  return lines.join('\n');
}
