/** Waits for Redis, but not for ever: for what is asked now and then. Requests share the timer of {@link Patience}. */

/** Thrown where Redis has taken too long. */
export class Late extends Error {
  constructor() {
    super('Redis did not answer in time');
    this.name = 'Late';
  }
}

/** What was asked, within so many milliseconds. Rejects with {@link Late}, or as `asked` does. */
export async function inTime<T>(asked: Promise<T>, milliseconds: number): Promise<T> {
  const late = Promise.withResolvers<never>();
  let timer: NodeJS.Timeout | undefined;
  // What is asked leaves at the end of the event loop's turn.
  const leaves = setImmediate(() => {
    // If this process was held up, the reply may lie unread in the socket: it is read first.
    timer = setTimeout(() => setImmediate(late.reject, new Late()), milliseconds);
  });
  try {
    return await Promise.race([asked, late.promise]);
  } finally {
    clearImmediate(leaves);
    clearTimeout(timer);
  }
}
