import type { ForEachItem } from '../api/for-each.ts';
import { parseSetSpec } from '../api/set/docker-run-set.ts';
import { usedItemNames } from '../api/references.ts';
import { type DockerRunSetSpec, dockerRunSetSpec } from '../api/set/set-spec.ts';
import type { DockerRunSpec } from '../api/spec.ts';
import type { StructuralSchema } from '../api/structural.ts';
import { validateSpec } from '../api/validate.ts';
import { UsageError } from './arguments.ts';
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
  const problems = 'problems' in checked ? checked.problems : templateProblems(checked.spec);
  if ('problems' in checked || place === undefined || problems.length > 0)
    throw new UsageError(`${file}: ${problems.join('; ')}`);
  return { ...place, spec: checked.spec };
}

/** The spec of a chunk: the template with `girder` of the set, and the inputs. */
export function chunkSpecOf({ namespace, name, spec }: AcceptedSet, items: ForEachItem[]): DockerRunSpec {
  const { template, girder, source, results, version } = spec;
  return {
    ...template.spec,
    girder: { ...girder },
    forEach: {
      set: { namespace, name },
      ...(version === undefined ? {} : { version }),
      each: source.each,
      log: results.log,
      isCautious: false,
      items,
    },
  };
}

/** The problems of the runs that the set would make, with the field of the template. */
function templateProblems(spec: DockerRunSetSpec): string[] {
  const id = '0'.repeat(24);
  const isId = (name: string) => /^item[.]((file[.])?id|folderId|meta[.].+)$/.test(name);
  const values = Object.fromEntries(
    usedItemNames(spec.template).map((name) => [name, isId(name) ? id : 'value']),
  );
  const result = { folderId: id, name: 'input' };
  const input = { id, name: 'input', recipe: '0'.repeat(64), values, result };
  const run = chunkSpecOf({ namespace: 'default', name: 'set', spec }, [input]);
  return validateSpec(run).map((problem) => problem.replace(/^spec\b(?!\.girder)/, 'spec.template.spec'));
}
