import type { DockerRunSpec } from '../../api/spec.ts';
import { validateSpec } from '../../api/validate.ts';
import { type Policy, refusedByPolicy } from '../../policy/policy.ts';
import { RunError } from '../../support/errors.ts';

/** Verdicts by the spec that the cache holds, so that a run that waits is validated once and not at each look. */
const problemsOf = new WeakMap<DockerRunSpec, string[]>();

function validateOnce(spec: DockerRunSpec): string[] {
  const problems = problemsOf.get(spec) ?? validateSpec(spec);
  problemsOf.set(spec, problems);
  return problems;
}

/** A message names at most this many problems and counts the others. */
const maxProblems = 5;

/** Why a spec contradicts itself, or else why the policy does not allow it; undefined when a Job may be made. */
export function specRefusal(spec: DockerRunSpec, policy: Policy): RunError | undefined {
  const problems = validateOnce(spec);
  return problems.length > 0 ? invalidSpec(inOneSentence(problems)) : refusedByPolicy(spec, policy);
}

export const invalidSpec = (problem: string) => new RunError('InvalidSpec', problem);

function inOneSentence(problems: readonly string[]): string {
  const more = problems.length - maxProblems;
  return problems.slice(0, maxProblems).join('; ') + (more > 0 ? `; and ${more} more` : '');
}
