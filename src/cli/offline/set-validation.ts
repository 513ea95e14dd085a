import type { ForEachItem } from '../../api/for-each.ts';
import { parseSetSpec } from '../../api/set/docker-run-set.ts';
import { type DockerRunSetSpec, dockerRunSetSpec } from '../../api/set/set-spec.ts';
import type { DockerRunSpec } from '../../api/spec.ts';
import type { StructuralSchema } from '../../api/structural.ts';
import { validateSpec } from '../../api/validate.ts';
import { specOf } from '../../controller/set/decide/chunk-run.ts';
import { inTemplate, ownProblem, sampleOf } from '../../controller/set/decide/set-refusal.ts';
import { compileWhere } from '../../planner/where-expression.ts';
import { describe } from '../../support/errors.ts';
import { UsageError } from '../arguments.ts';
import type { Fields } from './manifest.ts';
import { checkObject, nameAndNamespace } from './validation.ts';

/** A DockerRunSet that the API server and the controller would accept. */
export type AcceptedSet = {
  readonly namespace: string;
  readonly name: string;
  readonly spec: DockerRunSetSpec;
};

const kindOfSet = { schema: dockerRunSetSpec as StructuralSchema, parse: parseSetSpec };

/**
 * Validates a DockerRunSet as `kubectl apply` and then the controller do, and applies the defaults.
 * @throws UsageError with all problems
 */
export function acceptSet(set: Fields, file: string): AcceptedSet {
  const checked = checkObject(set, kindOfSet);
  const place = 'problems' in checked ? undefined : nameAndNamespace(set, file);
  const problems = 'problems' in checked ? checked.problems : setProblems(checked.spec);
  if ('problems' in checked || place === undefined || problems.length > 0)
    throw new UsageError(`${file}: ${problems.join('; ')}`);
  return { ...place, spec: checked.spec };
}

/** The spec of a DockerRun for these inputs, as the controller would create it. */
export function chunkSpecOf({ namespace, name, spec }: AcceptedSet, items: ForEachItem[]): DockerRunSpec {
  const metadata = { namespace, name, uid: '', generation: 1, creationTimestamp: '' };
  return specOf({ metadata, spec }, { items });
}

/** What the controller would refuse, with the fields of the set and of its template. */
function setProblems(spec: DockerRunSetSpec): string[] {
  const own = ownProblem(spec) ?? whereProblem(spec);
  const chunk = chunkSpecOf({ namespace: 'default', name: 'set', spec }, [sampleOf(spec)]);
  return [...(own === undefined ? [] : [own]), ...validateSpec(chunk).map(inTemplate)];
}

/** Only the planner of a cluster finds it: the controller does not load CEL. */
function whereProblem({ source: { where } }: DockerRunSetSpec): string | undefined {
  try {
    if (where !== undefined) compileWhere(where);
    return undefined;
  } catch (error) {
    return describe(error);
  }
}
