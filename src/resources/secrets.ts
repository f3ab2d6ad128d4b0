/**
 * Secrets by reference. A secret is read when it is asked for: an absent one fails its own requests only, with a message
 * that names the variable and never a file's path or any part of the secret.
 */
import { readFileSync } from 'node:fs';
import type { Secret, SecretRef } from '../policy.ts';
import { rememberSecret } from '../telemetry/known-secrets.ts';

/** How long a file's content is used before it is looked at again. */
const fileTtlMs = 1000;
/** No key is longer; a larger file is a mistake. */
const largest = 64 * 1024;

/** The secret that a reference names. */
export function secretOf(ref: SecretRef, env: Readonly<Record<string, string | undefined>>): Secret {
  if ('env' in ref) {
    rememberSecret(env[ref.env]?.trim()); // it is in the process already, though nobody has asked for it
    return { where: `environment variable ${ref.env}`, value: () => nonEmpty(env[ref.env]) };
  }
  return new FileSecret(ref.file);
}

class FileSecret implements Secret {
  readonly where = 'key file';
  readonly #file: string;
  #value: string | undefined;
  #readAt = Number.NEGATIVE_INFINITY;

  constructor(file: string) {
    this.#file = file;
  }

  value(): string | undefined {
    const now = performance.now();
    if (now - this.#readAt >= fileTtlMs) {
      this.#readAt = now;
      this.#value = readTrimmed(this.#file);
    }
    return this.#value;
  }
}

function readTrimmed(file: string): string | undefined {
  try {
    const content = readFileSync(file);
    return content.length > largest ? undefined : nonEmpty(content.toString('utf8'));
  } catch {
    return undefined;
  }
}

function nonEmpty(text: string | undefined): string | undefined {
  const trimmed = text?.trim();
  rememberSecret(trimmed);
  return trimmed === '' ? undefined : trimmed;
}
