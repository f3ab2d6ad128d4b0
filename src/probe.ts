/** `sluice probe URL`, for `helm test` and for looking: the image has no curl. */
import { parseArgs } from 'node:util';
import { UsageError } from './usage-error.ts';

/** For a connection and the head of the answer together, in milliseconds. */
const timeoutMs = 5000;

/** Where it reports. */
export interface ProbeStreams {
  readonly stdout: { write(text: string): unknown };
  readonly stderr: { write(text: string): unknown };
}

/** GETs an http or https URL once: 0 when the answer has the status, 200 unless told otherwise; else 1. Throws a UsageError. */
export async function probe(argv: readonly string[], { stdout, stderr }: ProbeStreams): Promise<number> {
  const { url, status } = optionsOf(argv);
  try {
    const response = await fetch(url, { redirect: 'manual', signal: AbortSignal.timeout(timeoutMs) });
    await response.body?.cancel();
    const good = response.status === status;
    (good ? stdout : stderr).write(`${url}: ${response.status}${good ? '' : `, not ${status}`}\n`);
    return good ? 0 : 1;
  } catch (error) {
    stderr.write(`${url}: ${reasonOf(error)}\n`);
    return 1;
  }
}

function optionsOf(argv: readonly string[]): { url: string; status: number } {
  const { values, positionals } = parse(argv);
  const [text = '', ...rest] = positionals;
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol) || rest.length > 0) {
    throw new UsageError('probe takes one URL, http or https');
  }
  // fetch refuses them, and a command line is no place for a password.
  if (url.username !== '' || url.password !== '') throw new UsageError('probe takes a URL without credentials');
  if (!/^[1-5]\d\d$/.test(values.status)) throw new UsageError('--status takes a status such as 404');
  return { url: url.href, status: Number(values.status) };
}

function parse(argv: readonly string[]) {
  try {
    const options = { status: { type: 'string', default: '200' } } as const;
    return parseArgs({ args: [...argv], allowPositionals: true, options });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

/** What the socket says is the cause of "fetch failed"; of several addresses that failed, the last word. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { cause } = error;
  if (cause instanceof AggregateError) return reasonOf(cause.errors.at(-1));
  return cause instanceof Error ? cause.message : error.message;
}
