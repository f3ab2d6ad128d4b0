/** A text with its percent-encoding undone; as it is where a percent sign encodes nothing and so stands for itself. */
export function percentDecoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
