/** Canaries: secrets that exist once in the world, and every written form by which one could be recognised again. */
import { randomInt } from 'node:crypto';

/** One written form of a secret. */
export interface Needle {
  readonly form: string;
  readonly bytes: Buffer;
  /** How many bytes of it in a row give it away: what twelve bytes of the secret become in this form. */
  readonly least: number;
}

/** A secret as it is configured or sent. */
export interface Secret {
  readonly text: string;
  readonly needles: readonly Needle[];
}

/** Bytes of a secret that in a row are a leak. */
const LEAST = 12;
/** Small letters and digits, so that no encoding on the way changes them: what changes them is looked for itself. */
const ALPHABET = 'abcdefghijklmnopqrstuvwxyz0123456789';

/** A new secret: what comes before its random part, e.g. `sk-proj-`, says to the redaction what it is; `''` says nothing. */
export function makeSecret(prefix: string): Secret {
  const random = Array.from({ length: 36 }, () => ALPHABET[randomInt(ALPHABET.length)]).join('');
  return { text: prefix + random, needles: formsOf(random) };
}

/** A text that is one as a whole, such as a token, of which these parts give it away. */
export function secretOf(text: string, ...parts: readonly string[]): Secret {
  return { text, needles: parts.flatMap(formsOf) };
}

/**
 * The secret in an EC P-256 private key (PKCS #8, PEM): the private scalar only. The rest of the key is public and is in
 * the certificate too.
 */
export function privateKeySecret(pem: string): Secret {
  const base64 = pem.replaceAll(/-----.*-----|\s/g, '');
  const scalar = Buffer.from(base64, 'base64').subarray(36, 68);
  // 30 of its bytes lie on whole base64 groups; the line of a PEM file ends within them.
  const groups = [base64.slice(48, 64), base64.slice(64, 88)];
  return {
    text: pem,
    needles: [
      { form: 'raw bytes', bytes: scalar, least: LEAST },
      { form: 'hex', bytes: Buffer.from(scalar.toString('hex')), least: 2 * LEAST },
      ...groups.map((text) => ({ form: 'a line of the PEM', bytes: Buffer.from(text), least: 16 })),
    ],
  };
}

function formsOf(random: string): Needle[] {
  const bytes = Buffer.from(random);
  const each = (code: (byte: number) => string) => [...bytes].map(code).join('');
  const hex = (byte: number) => byte.toString(16).padStart(2, '0');
  const form = (name: string, text: string, perByte: number): Needle => ({
    form: name,
    bytes: Buffer.from(text),
    least: LEAST * perByte,
  });
  return [
    form('plain', random, 1),
    form('upper case', random.toUpperCase(), 1),
    form('reversed', [...random].reverse().join(''), 1),
    form('hex', each(hex), 2),
    form('hex, upper case', each(hex).toUpperCase(), 2),
    form(
      'percent-encoded',
      each((byte) => `%${hex(byte)}`),
      3,
    ),
    form(
      'percent-encoded, upper case',
      each((byte) => `%${hex(byte).toUpperCase()}`),
      3,
    ),
    form(
      'JSON-escaped',
      each((byte) => `\\u00${hex(byte)}`),
      6,
    ),
    { form: 'UTF-16', bytes: Buffer.from(random, 'utf16le'), least: 2 * LEAST },
    // What stands before it decides where the groups of three bytes begin.
    ...[0, 1, 2].flatMap((skipped) => {
      const whole = bytes.subarray(skipped, skipped + 33);
      return (['base64', 'base64url'] as const).map((coding) => ({
        form: `${coding}, ${skipped} bytes in`,
        bytes: Buffer.from(whole.toString(coding)),
        least: (LEAST * 4) / 3,
      }));
    }),
  ];
}
