/** What a header field may be made of, and which fields nobody may set because they frame the message. */

const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const illegalValue = /[^\t\x20-\x7e\x80-\xff]/;
/** Fields that frame the message or steer the connection: setting one would break it. */
const framing = /^(?:connection|content-length|host|keep-alive|proxy-.*|te|trailer|transfer-encoding|upgrade|expect)$/i;

/** Whether a text is the name of a header (RFC 9110 §5.1). */
export function isHeaderName(name: string): boolean {
  return token.test(name);
}

/** Whether a text can stand in a header (RFC 9110 §5.5). */
export function isHeaderValue(value: string): boolean {
  return !illegalValue.test(value);
}

/** Whether a header frames the message or steers the connection, so that no configuration may set or remove it. */
export function framesMessage(name: string): boolean {
  return framing.test(name);
}
