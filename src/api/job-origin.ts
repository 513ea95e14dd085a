import { createHash } from 'node:crypto';
import type { DockerRun } from './docker-run.ts';
import { mutableFields } from './crd.ts';
import { generationAnnotation, queueLabelsOf, specHashAnnotation } from './names.ts';

/** Of which spec a Job was made. A Job of an older operator has neither; its run may have changed since. */
export type JobOrigin = { readonly generation: number | undefined; readonly specHash: string | undefined };

type Source = Pick<DockerRun, 'metadata' | 'spec'>;

/** The annotations of the Job, by which a later look sees whether the run has changed since. */
export function originAnnotations(run: Source): Record<string, string> {
  return {
    [generationAnnotation]: String(run.metadata.generation),
    [specHashAnnotation]: hashOf(run),
  };
}

/** Whether a Job was made of what the run says now: its spec, without the mutable fields, and its queue. */
export function isMadeOf({ generation, specHash }: JobOrigin, run: Source): boolean {
  // The first generation of a spec is the only one so far; an older operator may have made the Job of it.
  if (specHash === undefined) return (generation ?? 1) === run.metadata.generation;
  return specHash === hashOf(run);
}

function hashOf({ metadata: { labels = {} }, spec }: Source): string {
  return createHash('sha256')
    .update(JSON.stringify([immutableFields(spec), queueLabelsOf(labels)]))
    .digest('hex')
    .slice(0, 32);
}

/** Whether two specs differ in mutable fields only. */
export function isSameWork(one: object, other: object): boolean {
  return JSON.stringify(immutableFields(one)) === JSON.stringify(immutableFields(other));
}

/** The API server sends the fields of an object in the same order each time, so they need no sorting. */
function immutableFields(spec: object): [field: string, value: unknown][] {
  return Object.entries(spec).filter(([field]) => !mutableFields.includes(field));
}
