/**
 * Whether a text holds another one of ASCII, as it stands or with any of its characters percent-encoded, as URLs and
 * clients that make them write it.
 */
export function holds(text: string, wanted: string): boolean {
  if (text.includes(wanted)) return true;
  if (!text.includes('%')) return false;
  return text
    .replace(/%([0-9a-f]{2})/gi, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16)))
    .includes(wanted);
}
