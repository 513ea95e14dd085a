import type { ForEachItem } from '../../../api/for-each.ts';
import { isFailureReason } from '../../../api/reasons.ts';
import { usedItemNames } from '../../../api/set/recipe.ts';
import type { DockerRunSetSpec } from '../../../api/set/set-spec.ts';
import type { Policy } from '../../../policy/policy.ts';
import { RunError } from '../../../support/errors.ts';
import { runRefusal } from '../../decide/spec-refusal.ts';
import type { ObservedSet } from '../observe/observed-set.ts';
import { maxTemplateBytes, specOf } from './chunk-run.ts';
import { scheduleProblem } from './pass-schedule.ts';

type Refusable = Pick<ObservedSet, 'metadata'> & {
  readonly spec?: DockerRunSetSpec | undefined;
  readonly problem?: string | undefined;
};

/** Verdicts by spec and policy, so that a set that is asked about each second is validated once. */
const known = new WeakMap<
  DockerRunSetSpec,
  { readonly policy: string; readonly refusal: RunError | undefined }
>();

/**
 * Why a set is not accepted: the rules for runs, applied to a chunk with a sample of an input, and those for the
 * fields of the set itself. The one verdict of the controller and of its admission webhook.
 */
export function setRefusal(set: Refusable, policy: Policy): RunError | undefined {
  const { spec, metadata } = set;
  if (spec === undefined) return new RunError('InvalidSpec', set.problem ?? 'it cannot be read');
  const asked = JSON.stringify(policy);
  const before = known.get(spec);
  if (before?.policy === asked) return before.refusal;
  const refusal = ownRefusal(spec) ?? refusalOfTemplate({ metadata, spec }, policy);
  known.set(spec, { policy: asked, refusal });
  return refusal;
}

function ownRefusal(spec: DockerRunSetSpec): RunError | undefined {
  const problem = ownProblem(spec);
  return problem === undefined ? undefined : new RunError('InvalidSpec', problem);
}

/** What is wrong with the fields of the set itself, other than what its schema refuses. */
export function ownProblem(spec: DockerRunSetSpec): string | undefined {
  const bytes = Buffer.byteLength(JSON.stringify(spec.template.spec));
  return bytes > maxTemplateBytes
    ? `spec.template.spec: it has ${bytes} bytes as JSON, but at most ${maxTemplateBytes} are allowed, so that a DockerRun has room for its inputs; move data into a file`
    : scheduleProblem(spec);
}

function refusalOfTemplate(
  set: { metadata: ObservedSet['metadata']; spec: DockerRunSetSpec },
  policy: Policy,
): RunError | undefined {
  const chunk = specOf(set, { items: [sampleOf(set.spec)] });
  const refusal = runRefusal({ spec: chunk }, policy);
  if (refusal === undefined || !isFailureReason(refusal.reason)) return refusal;
  return new RunError(refusal.reason, inTemplate(refusal.message));
}

/** The fields of a chunk are those of the template, but for what comes from the set. */
export function inTemplate(message: string): string {
  return message.replaceAll(/(?<![\w.])spec\.(?!girder\.(apiUrl|credentials))/g, 'spec.template.spec.');
}

/** An input that has every value that the template uses. */
export function sampleOf({ template }: DockerRunSetSpec): ForEachItem {
  const id = '0'.repeat(24);
  const values = Object.fromEntries(
    usedItemNames(template).map((name) => [name, name.toLowerCase().endsWith('id') ? id : 'x']),
  );
  const result = { folderId: id, name: 'x' };
  return { id, name: 'x', recipe: '0'.repeat(64), values, result };
}
