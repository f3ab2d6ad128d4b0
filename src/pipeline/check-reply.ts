/** Checks replies of policies before they are applied: one that cannot be sent must fail its policy, not hang its client. */
import { catalogue } from '../errors.ts';
import { HeaderList } from '../http/headers.ts';
import type { Reply } from '../policy.ts';

/** Fields that frame the message or belong to the connection: whoever writes the response sets them. */
const framing = /^(?:connection|content-length|keep-alive|proxy-connection|te|trailer|transfer-encoding|upgrade)$/i;

/** Throws a TypeError that says what is wrong with a reply that cannot be sent. */
export function checkReply(reply: Reply): void {
  if (reply.kind === 'problem') {
    if (!Object.hasOwn(catalogue, reply.code)) {
      throw new TypeError(`"${String(reply.code)}" is no code of the catalogue of problems`);
    }
  } else if (reply.kind === 'response') {
    const { status, body } = reply;
    if (!Number.isInteger(status) || status < 200 || status > 599) {
      throw new TypeError(`${String(status)} is no status of a final response: it must be from 200 to 599`);
    }
    if (body !== undefined && typeof body !== 'string' && !Buffer.isBuffer(body)) {
      throw new TypeError('the body of a response must be a string or a Buffer');
    }
  } else {
    throw new TypeError('a Reply is made by problem(), or has the kind "response"');
  }
  for (const name in reply.headers) checkField(name, reply.headers[name]);
}

function checkField(name: string, value: string | undefined): void {
  if (framing.test(name)) throw new TypeError(`a policy cannot set the header ${name}: it frames the message`);
  new HeaderList().set(name, value ?? '');
}
