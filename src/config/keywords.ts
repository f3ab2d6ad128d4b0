/** The schema keywords of our own: each checks how a value is written and replaces it by what the code works with. */
import { isAbsolute, resolve } from 'node:path';
import type { Ajv, ErrorObject, KeywordDefinition } from 'ajv';
import { looksLikeSecret } from '../telemetry/redact.ts';
import { normalizeCidr } from './cidr.ts';
import { describeSchema, type SchemaPart, schemaPart } from './describe-schema.ts';
import { parseListen } from './listen.ts';
import { MAX_DURATION, parseDuration, parsePercent, parseSize } from './units.ts';
import { normalizeUrl, type UrlRule, urlFault } from './url-rule.ts';

/** `this` of a validation: what the keywords know besides the value. */
export interface KeywordContext {
  /** The folder of the file that holds the value at a pointer. */
  folderOf(pointer: string): string;
  /** Counts values that were wrong. At {@link MAX_FAULTS} the keywords stop looking and the validation has failed. */
  faults: number;
}

/** ajv copies the list of errors for each error of a keyword; ten thousand are found in well under a second. */
export const MAX_FAULTS = 10_000;

/** A value to put in the place of what was written, or why there is none. */
type Checked = { readonly value: unknown } | { readonly fault: string };
type Check = (written: string | number, rule: unknown, folder: () => string, right: string) => Checked;

/** Names of schema members that say something about a value and check nothing; see `types.ts`. */
export const annotations = ['expects', 'expectsKey', 'public', 'hidden'] as const;

/** The checks by keyword. */
const checks: Readonly<Record<string, Check>> = {
  duration: (written, rule, _folder, right) => {
    if (typeof written === 'number' && written !== 0) return { fault: `must be ${right}; it needs a unit` };
    return inBounds(parseDuration(String(written)), rule, parseDuration, MAX_DURATION, right);
  },
  size: (written, rule, _folder, right) =>
    inBounds(parseSize(String(written)), rule, parseSize, Number.MAX_SAFE_INTEGER, right),
  percent: (written, _rule, _folder, right) => known(parsePercent(String(written)), right),
  cidr: (written, _rule, _folder, right) => known(normalizeCidr(String(written)), right),
  path: (written, _rule, folder, right) => {
    const path = String(written);
    if (path === '' || path.includes('\0')) return { fault: `must be ${right}` };
    return { value: isAbsolute(path) ? path : resolve(folder(), path) };
  },
  url: (written, rule, _folder, right) => {
    const text = String(written);
    const fault = urlFault(text, rule as UrlRule);
    if (fault !== undefined) return { fault: `must be ${right}; ${fault}` };
    return { value: (rule as UrlRule).normalize === true ? normalizeUrl(text) : text };
  },
  variable: (written, _rule, _folder, right) => {
    const name = String(written);
    // Names in capital letters may begin like a key: HF_TOKEN_OF_STAGING.
    const isName = /^[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+$/.test(name);
    return isName || !looksLikeSecret(name)
      ? { value: name }
      : { fault: `must be ${right}; it looks like a key itself` };
  },
  listen: (written) => {
    try {
      parseListen(String(written));
      return { value: written };
    } catch (error) {
      return { fault: error instanceof Error ? error.message : String(error) };
    }
  },
};

/** Whether a keyword is one of ours that checks: its errors carry the whole message. */
export function isOwnKeyword(keyword: string): boolean {
  return Object.hasOwn(checks, keyword);
}

/** The keywords as functions that ajv calls, by their names; what they need as `this` is a {@link KeywordContext}. */
export const ownKeywords: Readonly<Record<string, Validate>> = Object.fromEntries(
  Object.entries(checks).map(([keyword, check]) => [keyword, validateWith(keyword, check)]),
);

/** Teaches an ajv instance (made with `passContext`) the keywords. */
export function declareKeywords(ajv: Ajv): void {
  for (const [keyword, validate] of Object.entries(ownKeywords)) {
    // ajv types the place as optional, but gives it to every keyword of a compiled schema.
    const definition = { keyword, type: ['string', 'number'], modifying: true, errors: true, validate };
    ajv.addKeyword(definition as unknown as KeywordDefinition);
  }
  for (const keyword of annotations) ajv.addKeyword(keyword);
}

function validateWith(keyword: string, check: Check): Validate {
  const validate: Validate = function (this: KeywordContext, rule, written, schema, place) {
    // A number where only texts may stand is an error of its type already.
    if (typeof written === 'number' && ![schema.type].flat().includes('integer')) return true;
    if (this.faults >= MAX_FAULTS) return true;
    const { instancePath, parentData, parentDataProperty } = place;
    const checked = check(written, rule, () => this.folderOf(instancePath), describeSchema(schema));
    if ('fault' in checked) {
      this.faults++;
      validate.errors = [{ keyword, message: checked.fault, params: {}, parentSchema: schema }];
      return false;
    }
    parentData[parentDataProperty] = checked.value;
    return true;
  };
  return validate;
}

interface Place {
  readonly instancePath: string;
  readonly parentData: Record<string | number, unknown>;
  readonly parentDataProperty: string | number;
}

/** A keyword as ajv calls it; what was wrong is left on the function itself. */
export interface Validate {
  (this: KeywordContext, rule: unknown, written: string | number, schema: SchemaPart, place: Place): boolean;
  errors?: Partial<ErrorObject>[];
}

function known(value: unknown, right: string): Checked {
  return value === undefined ? { fault: `must be ${right}` } : { value };
}

function inBounds(
  value: number | undefined,
  rule: unknown,
  parse: (text: string) => number | undefined,
  most: number,
  right: string,
): Checked {
  const { min, max } = schemaPart(rule);
  const least = typeof min === 'string' ? (parse(min) ?? 0) : 0;
  const top = typeof max === 'string' ? (parse(max) ?? most) : most;
  if (value === undefined || value < least) return { fault: `must be ${right}` };
  if (value > top) return { fault: `must be ${right}${typeof max === 'string' ? '' : ', at most 596h'}` };
  return { value };
}
