/**
 * ajv reports a union (`anyOf`, `oneOf`) that matches nothing as the errors of all of its branches and one more. Here
 * it becomes what a person needs: the errors of the branch that was meant, or one error for the whole union.
 */
import type { ErrorObject } from 'ajv';
import { schemaPart } from './describe-schema.ts';
import { isOwnKeyword } from './keywords.ts';

const unions = new Set(['anyOf', 'oneOf']);

/** The errors with each union's collapsed. ajv puts the branches' errors right before the union's own. */
export function collapseUnions(errors: readonly ErrorObject[]): ErrorObject[] {
  const kept: ErrorObject[] = [];
  let i = errors.length - 1;
  while (i >= 0) {
    const error = errors[i--];
    if (error === undefined) break;
    if (!unions.has(error.keyword)) {
      kept.push(error);
      continue;
    }
    const branches = new Map<string, ErrorObject[]>();
    for (let member = errors[i]; member !== undefined && isWithin(member, error); member = errors[--i]) {
      const branch = member.schemaPath.slice(error.schemaPath.length + 1).split('/', 1)[0] ?? '';
      const found = branches.get(branch);
      if (found === undefined) branches.set(branch, [member]);
      else found.push(member);
    }
    for (const meant of meantErrors(error, branches).reverse()) kept.push(meant);
  }
  return kept.reverse();
}

function isWithin(member: ErrorObject, union: ErrorObject): boolean {
  const path = union.instancePath;
  return (
    member.schemaPath.startsWith(`${union.schemaPath}/`) &&
    (member.instancePath === path || member.instancePath.startsWith(`${path}/`))
  );
}

/** The errors of the one branch that was evidently meant, else the union's own. */
function meantErrors(union: ErrorObject, branches: ReadonlyMap<string, readonly ErrorObject[]>): ErrorObject[] {
  if (union.parentSchema?.expects !== undefined) return [union];
  const meant = [...branches]
    .filter(
      ([branch, errors]) => tellsMore(union, branch, errors) && !errors.some((error) => rulesOut(error, union, branch)),
    )
    .map(([, errors]) => collapseUnions(errors.toReversed()))
    .sort((a, b) => a.length - b.length);
  const [best, second] = meant;
  return best !== undefined && best.length !== second?.length ? best : [union];
}

/** A list or a map is told by its shape. Of scalars any branch could have been meant, unless a keyword of ours explains. */
function tellsMore(union: ErrorObject, branch: string, errors: readonly ErrorObject[]): boolean {
  if (errors.every((error) => isOwnKeyword(error.keyword))) return true;
  const { type } = schemaPart(Array.isArray(union.schema) ? union.schema[Number(branch)] : undefined);
  return type === 'object' || type === 'array';
}

/** The branch wants another type, or another kind (`const`) of map. */
function rulesOut(error: ErrorObject, union: ErrorObject, branch: string): boolean {
  if (error.keyword === 'const') return true;
  return error.keyword === 'type' && error.schemaPath === `${union.schemaPath}/${branch}/type`;
}
