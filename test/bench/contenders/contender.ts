/** What is compared. */
import type { Target } from '../client.ts';

/** One way to forward requests. */
export interface Contender {
  readonly name: string;
  /** Its version, for the table; known before it starts. */
  readonly version: () => string;
  /** Starts it in front of the provider. */
  start(setting: Setting): Promise<Running>;
}

/** What a contender starts in. */
export interface Setting {
  /** `http://127.0.0.1:PORT` of the provider. */
  readonly upstream: string;
  /** A folder of its own. */
  readonly folder: string;
  /** Starts a process on the contenders' core; it ends with the bench. Its standard output goes to a file. */
  spawn(command: readonly string[], options?: { readonly env?: Readonly<Record<string, string>> }): Spawned;
}

/** A process that was started. */
export interface Spawned {
  readonly pid: number;
  /** Resolves to the first match in what it has written; rejects when it ends before, or after half a minute. */
  said(pattern: RegExp): Promise<RegExpExecArray>;
}

/** A contender that serves. */
export interface Running {
  readonly pid: number;
  readonly target: Target;
}
