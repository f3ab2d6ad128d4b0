import Type from 'typebox';
import { Size } from '../src/config/types.ts';
import { definePolicy } from '../src/policy.ts';

const schema = Type.Object(
  { max: Size({ description: 'Largest request body; larger ones get 413.' }) },
  { additionalProperties: false },
);

/**
 * Refuses request bodies above a size: at once when Content-Length says so, else as soon as more has come. Nothing is
 * buffered. In shadow mode only announced lengths are judged.
 */
export const bodyLimit = definePolicy({
  name: 'body-limit',
  summary: 'Refuses request bodies above a size, without buffering them.',
  schema,
  setup({ config, problem }) {
    const detail = `The request body is larger than the ${config.max} bytes allowed.`;
    return {
      request(ctx) {
        const { declaredLength } = ctx.body;
        if (declaredLength !== undefined) {
          return declaredLength > config.max ? problem('body_too_large', { detail }) : undefined;
        }
        ctx.body.limit(config.max);
        return undefined;
      },
    };
  },
});
