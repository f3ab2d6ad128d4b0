/** The style of the plots: readable in light and in dark, without a background of their own. */
export const style = `<style>
  svg { color-scheme: light dark; }
  text { font: 12px system-ui, sans-serif; fill: #1f2328; }
  .title { font-weight: 600; font-size: 14px; }
  .quiet { fill: #59636e; }
  .axis { stroke: #8b949e; stroke-width: 1; fill: none; }
  .grid { stroke: #8b949e; stroke-width: 1; opacity: 0.25; }
  .spread { stroke: #1f2328; stroke-width: 1; }
  .own { fill: #0a7f5a; } .base { fill: #b35900; } .other { fill: #6e7781; }
  .line { stroke: #0a7f5a; stroke-width: 2; fill: none; }
  .fit { stroke: #b35900; stroke-width: 1; stroke-dasharray: 4 3; fill: none; }
  .dot { fill: #0a7f5a; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; } .quiet { fill: #9198a1; } .spread { stroke: #e6edf3; }
    .own { fill: #3fb68b; } .base { fill: #e09b4f; } .other { fill: #8b949e; }
    .line { stroke: #3fb68b; } .fit { stroke: #e09b4f; } .dot { fill: #3fb68b; }
  }
</style>`;

/** Text as it may stand in XML. */
export function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}

/** A drawing of that size. */
export function svg(width: number, height: number, title: string, parts: readonly string[]): string {
  const head = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">`;
  return [head, `<title>${escaped(title)}</title>`, style, ...parts, '</svg>', ''].join('\n');
}
