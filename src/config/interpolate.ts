/**
 * Puts variables into texts: `${NAME}` and `${NAME:-default}`, the default also where the variable is empty, as in a
 * shell. It happens after parsing and in values only, so that no variable can add keys or lines; `$${` is a plain `${`.
 */
import { problemAt, type Report } from './problems.ts';
import { quoteBriefly } from './quote.ts';
import { type ConfigNode, mapScalars, type ScalarNode } from './tree.ts';

/** Variables by name, such as `process.env`. */
export type Variables = Readonly<Record<string, string | undefined>>;

const reference = /\$\$\{|\$\{([^}]*)(\}?)/g;
const form = /^([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?$/s;

/** A tree with every variable put in; unset ones without a default are reported. Texts done before stay as they are. */
export function interpolate(root: ConfigNode, env: Variables, report: Report): ConfigNode {
  return mapScalars(root, (scalar, pointer) => interpolateScalar(scalar, pointer, env, report));
}

/** One scalar; see {@link interpolate}. */
export function interpolateScalar(node: ScalarNode, pointer: string, env: Variables, report: Report): ScalarNode {
  if (typeof node.value !== 'string' || node.from !== undefined || !node.value.includes('${')) return node;
  const names: string[] = [];
  let broken = false;
  const refuse = (message: string) => {
    broken = true;
    report(problemAt(node.at, pointer, message));
    return '';
  };
  const value = node.value.replaceAll(
    reference,
    (whole: string, inner: string | undefined, end: string | undefined) => {
      if (inner === undefined) return '${';
      const [, name, otherwise] = form.exec(inner) ?? [];
      if (name === undefined || end === '' || otherwise?.includes('${') === true) {
        return refuse(
          `has ${quoteBriefly(whole)}, which is no reference; write \${NAME}, \${NAME:-default}, or $\${ for a plain \${`,
        );
      }
      names.push(name);
      const found = Object.hasOwn(env, name) ? env[name] : undefined;
      if (otherwise !== undefined) return found === undefined || found === '' ? otherwise : found;
      return (
        found ??
        refuse(`needs the environment variable ${name}, which is not set; set it or write \${${name}:-default}`)
      );
    },
  );
  // A text with nothing but escapes is still what the file says, and is marked so that it is not read twice.
  return broken ? { ...node, value: null, from: names, broken } : { ...node, value, from: names };
}
