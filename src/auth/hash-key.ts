/**
 * `sluice hash-key`: makes the entry of one key. The key comes in by stdin or is made here; never by an argument, which
 * other users of the machine see and shells remember.
 */
import { randomBytes } from 'node:crypto';
import { parseArgs } from 'node:util';
import { stringify } from 'yaml';
import { UsageError } from '../usage-error.ts';
import { digestOf } from './key-table.ts';
import { isIdentity, isTag } from './schema.ts';

/** A salted SHA-256 is safe for keys that nobody can guess, and for no others. */
const minLength = 32;
const minDifferent = 10;

/** Where the command reads and writes. */
export interface HashKeyStreams {
  readonly stdin: AsyncIterable<Buffer | string>;
  readonly stdout: { write(text: string): unknown };
  readonly stderr: { write(text: string): unknown };
}

/** Runs it: the entry goes to stdout, a key that was made to stderr, once. Throws a UsageError. */
export async function hashKey(argv: readonly string[], streams: HashKeyStreams): Promise<number> {
  const { generate, identity, tag: tags, expires, salt = randomBytes(16).toString('base64url') } = optionsOf(argv);
  if (!isIdentity(identity)) throw new UsageError('--identity takes 1 to 256 visible ASCII characters without spaces');
  if (!tags.every(isTag)) throw new UsageError('--tag takes 1 to 64 letters, digits or any of _ . : / @ + -');
  if (expires !== undefined && !(/^\d{4}-\d\d-\d\dT.*(?:Z|[+-]\d\d:\d\d)$/.test(expires) && Date.parse(expires) > 0)) {
    throw new UsageError('--expires takes a time such as 2027-01-31T00:00:00Z');
  }
  if (!/^[\w-]{22}$/.test(salt)) throw new UsageError('--salt takes the part of an entry between its colons');
  // Scanners for leaked secrets, ours included, know keys that begin so.
  const key = generate ? `sk-sluice-${randomBytes(32).toString('base64url')}` : await keyFrom(streams.stdin);
  const entry = {
    hash: `sha256:${salt}:${digestOf(salt, key).toString('base64url')}`,
    identity,
    ...(tags.length > 0 && { tags }),
    ...(expires !== undefined && { expires }),
  };
  if (generate) streams.stderr.write(`The key, which is shown only now: ${key}\n`);
  streams.stdout.write(stringify([entry], { lineWidth: 0 }));
  return 0;
}

function optionsOf(argv: readonly string[]) {
  try {
    const { values } = parseArgs({
      args: [...argv],
      options: {
        generate: { type: 'boolean', default: false },
        identity: { type: 'string' },
        tag: { type: 'string', multiple: true, default: [] },
        expires: { type: 'string' },
        salt: { type: 'string' },
      },
    });
    const { identity } = values;
    if (identity === undefined) throw new UsageError('hash-key needs --identity');
    return { ...values, identity };
  } catch (error) {
    if (error instanceof UsageError) throw error;
    // Node's own message repeats the argument, and that may be a key.
    throw new UsageError('hash-key takes --identity, --tag, --expires, --salt and --generate; a key comes by stdin');
  }
}

async function keyFrom(stdin: AsyncIterable<Buffer | string>): Promise<string> {
  let text = '';
  for await (const chunk of stdin) {
    text += chunk.toString();
    if (text.length > 64 * 1024) break;
  }
  const key = text.trim();
  if (!/^[\w.~+/-]+=*$/.test(key)) {
    throw new UsageError('the key on stdin must be one line of letters, digits and - . _ ~ + / (RFC 6750)');
  }
  if (key.length < minLength || key.length > 4096 || new Set(key).size < minDifferent) {
    throw new UsageError(`the key on stdin can be guessed: it needs ${minLength} random characters; or use --generate`);
  }
  return key;
}
