/**
 * Secrets by reference. An absent one fails its own requests only, with a message that names the variable and never a
 * file's path or any part of the secret.
 */
import type { Secret, SecretRef } from '../policy.ts';
import { rememberSecret } from '../telemetry/known-secrets.ts';
import { SecretFile, watchedDirectories } from './secret-file.ts';
import { Shared } from './shared.ts';

/**
 * Of so many looks at a variable one tells the redaction of it again, and reads it again where it is one of the process: the
 * system is asked for these each time, which takes longer than a policy, and nobody else can change them.
 */
const rememberEach = 1024;

/** The secrets of one app. Pipelines that name the same file share one reader of it, over reloads too. */
export class Secrets {
  readonly #env: Readonly<Record<string, string | undefined>>;
  readonly #directories = watchedDirectories();
  readonly #files = new Shared<SecretFile>();

  constructor(env: Readonly<Record<string, string | undefined>>) {
    this.#env = env;
  }

  /** Takes hold of the secret that a reference names; to be given back with {@link release}. */
  acquire(ref: SecretRef): Secret {
    if ('env' in ref) return new Variable(ref.env, this.#env);
    return this.#files.acquire(ref.file, () => new SecretFile(ref.file, this.#directories));
  }

  async release(ref: SecretRef): Promise<void> {
    if ('file' in ref) await this.#files.release(ref.file);
  }

  /** How many directories are watched now. */
  get watched(): number {
    return this.#directories.values().length;
  }
}

/** A variable is read when it is asked for; trimming is done once for each value. */
class Variable implements Secret {
  readonly where: string;
  readonly #name: string;
  readonly #env: Readonly<Record<string, string | undefined>>;
  readonly #ownedByProcess: boolean;
  #raw: string | undefined;
  #trimmed: string | undefined;
  #asked = 0;

  constructor(name: string, env: Readonly<Record<string, string | undefined>>) {
    this.where = `environment variable ${name}`;
    this.#name = name;
    this.#env = env;
    this.#ownedByProcess = env === process.env;
    this.value(); // it is in the process already, though nobody has asked for it
  }

  value(): string | undefined {
    const isDue = this.#asked++ % rememberEach === 0;
    if (this.#ownedByProcess && !isDue) return this.#trimmed;
    // Not what every object has under such a name, e.g. `constructor`.
    const raw = Object.hasOwn(this.#env, this.#name) ? this.#env[this.#name] : undefined;
    if (raw !== this.#raw) {
      this.#raw = raw;
      this.#trimmed = raw?.trim() || undefined;
      rememberSecret(this.#trimmed);
    }
    // Now and then, so that the rotations of others do not push out of the list what is in use.
    if (isDue) rememberSecret(this.#trimmed);
    return this.#trimmed;
  }
}
