/** What came is not an HTTP/1.1 response, or what was to be sent is no request. */
export class ProtocolError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'ProtocolError';
  }
}

/** The connection was closed before the response was whole. */
export class ClosedError extends Error {
  constructor(cause?: Error) {
    super(cause === undefined ? 'the connection was closed' : `the connection failed (${codeOf(cause)})`, { cause });
    this.name = 'ClosedError';
  }
}

function codeOf(error: Error): string {
  return 'code' in error ? String(error.code) : error.name;
}
