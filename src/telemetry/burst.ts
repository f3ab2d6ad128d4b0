/** Says a repeated text once and then its count, so that one broken thing does not fill the log. */

/** Writes one line; `repeated` is how often the text came again without being said. */
export type Say = (fields: object, message: string, repeated: number) => void;

/** A filter over texts; one for a whole log and its children. */
export interface Burst {
  /** Says it now, or, when `key` was said within the window, counts it. */
  once(key: string, fields: object, message: string, say: Say): void;
  /** Says what was counted and stops. */
  close(): void;
}

interface Entry {
  readonly message: string;
  readonly say: Say;
  saidAt: number;
  repeated: number;
  lastFields: object;
}

/** Most texts remembered at a time; a text above it is said each time rather than lost. */
const MAX_TEXTS = 256;

/** @param windowMs how long a text is kept back after it was said, in milliseconds. */
export function createBurst(windowMs: number): Burst {
  const entries = new Map<string, Entry>();
  let timer: NodeJS.Timeout | undefined;

  const sweep = () => {
    timer = undefined;
    const now = performance.now();
    for (const [key, entry] of entries) {
      if (now - entry.saidAt < windowMs) continue;
      if (entry.repeated === 0) entries.delete(key);
      else report(entry, now);
    }
    arm();
  };

  const arm = () => {
    if (timer !== undefined || entries.size === 0) return;
    timer = setTimeout(sweep, windowMs);
    timer.unref();
  };

  return {
    once(key, fields, message, say) {
      const entry = entries.get(key);
      if (entry !== undefined) {
        entry.repeated += 1;
        entry.lastFields = fields;
        return;
      }
      say(fields, message, 0);
      if (entries.size >= MAX_TEXTS) return;
      entries.set(key, { message, say, saidAt: performance.now(), repeated: 0, lastFields: fields });
      arm();
    },
    close() {
      clearTimeout(timer);
      for (const entry of entries.values()) if (entry.repeated > 0) report(entry, 0);
      entries.clear();
    },
  };
}

function report(entry: Entry, now: number): void {
  const { repeated } = entry;
  entry.repeated = 0;
  entry.saidAt = now;
  entry.say(entry.lastFields, entry.message, repeated);
}
