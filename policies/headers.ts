import Type from 'typebox';
import {
  ConfigError,
  definePolicy,
  framesMessage,
  type HeaderEditor,
  isHeaderName,
  isHeaderValue,
} from '../src/policy.ts';

const names = (description: string, options: { default?: string[] } = {}) =>
  Type.Array(Type.String({ minLength: 1 }), { ...options, description });
/** `/config` hides it: it may be a key, whatever its header is called. */
const value = Type.String({ hidden: true });
const edits = (side: string) =>
  Type.Object(
    {
      set: Type.Record(Type.String(), value, { default: {}, description: `${side} headers to set.` }),
      remove: names(`${side} headers to remove.`, { default: [] }),
      // Without a default: an empty list lets nothing pass, and that must be asked for.
      allow: Type.Optional(names(`Only these ${side} headers (and those of the framing) pass.`)),
    },
    { additionalProperties: false, default: {} },
  );

const schema = Type.Object({ request: edits('Request'), response: edits('Response') }, { additionalProperties: false });

/** Fields that a message cannot do without, whatever an allow-list says. */
const framing = ['content-type', 'content-length', 'content-encoding'];
const requestFraming = new Set([
  ...framing,
  'accept',
  'accept-encoding',
  'x-request-id',
  'via',
  'traceparent',
  'tracestate',
]);
const responseFraming = new Set([...framing, 'date', 'vary', 'retry-after', 'x-should-retry', 'www-authenticate']);

type Edits = { set: Record<string, string>; remove: string[]; allow?: string[] };

/** Sets, removes and allow-lists headers of requests and responses: allow-list first, then remove, then set. */
export const headers = definePolicy({
  name: 'headers',
  summary: 'Sets, removes and allow-lists request and response headers.',
  schema,
  setup({ config }) {
    const request = compile(config.request, requestFraming, '/request');
    const response = compile(config.response, responseFraming, '/response');
    const onResponse = response && { responseStart: (head: { headers: HeaderEditor }) => response(head.headers) };
    return {
      request(ctx) {
        request?.(ctx.out.headers);
        return onResponse;
      },
    };
  },
});

function compile(edits: Edits, framingNames: ReadonlySet<string>, pointer: string) {
  const { set, remove, allow } = edits;
  const entries = Object.entries(set);
  for (const [name, value] of entries) {
    if (framesMessage(name))
      throw new ConfigError(`the header ${name} frames the message and cannot be set`, `${pointer}/set`);
    if (!isHeaderName(name)) throw new ConfigError(`"${name}" is no header name`, `${pointer}/set`);
    if (!isHeaderValue(value)) {
      throw new ConfigError(`the value of ${name} holds characters that HTTP does not allow`, `${pointer}/set`);
    }
  }
  for (const [i, name] of remove.entries()) {
    if (framesMessage(name)) throw new ConfigError(`the header ${name} cannot be removed`, `${pointer}/remove/${i}`);
  }
  if (entries.length === 0 && remove.length === 0 && allow === undefined) return undefined;
  const allowed = allow && new Set([...allow.map((name) => name.toLowerCase()), ...framingNames]);
  return (target: HeaderEditor) => {
    if (allowed !== undefined) {
      for (const [name] of [...target.entries()]) if (!allowed.has(name.toLowerCase())) target.delete(name);
    }
    for (const name of remove) target.delete(name);
    for (const [name, value] of entries) target.set(name, value);
  };
}
