import { Value } from 'typebox/value';
import { parseMetadata } from '../../../api/docker-run.ts';
import { boundsProblem, cachedSpecBounds, isRecord, statusBounds } from '../../../api/json-values.ts';
import { labels } from '../../../api/names.ts';
import { parseSetSpec } from '../../../api/set/docker-run-set.ts';
import { dockerRunSetStatus, type DockerRunSetStatus } from '../../../api/set/set-status.ts';
import { recordAt, textAt } from '../../../kube/json.ts';
import { parseJob, parsePod } from '../../observe/parse.ts';
import type { CachedSet, ObservedSet, PlannerJob, PlannerPod } from './observed-set.ts';

/** Parses a stored DockerRunSet; a spec that only the schema of another version accepts has a `problem`. */
export function parseSet(object: unknown): ObservedSet {
  const metadata = parseMetadata(recordAt(object, 'metadata'));
  const status = parseSetStatus(recordAt(object, 'status'));
  const parsed = parseSetSpec(isRecord(object) ? object['spec'] : undefined);
  if ('spec' in parsed) return { metadata, status, spec: parsed.spec };
  return { metadata, status, problem: `${parsed.problem}; another version of DockerRun stored it` };
}

/** The set without a large spec, for the same reason for which runs are cached without theirs. */
export function withoutLargeSetSpec(set: ObservedSet): CachedSet {
  const apiUrl = set.spec?.girder.apiUrl;
  if (set.spec === undefined || boundsProblem(set.spec, cachedSpecBounds) === undefined)
    return { ...set, apiUrl };
  return { metadata: set.metadata, status: set.status, specIsLarge: true, apiUrl };
}

/** Of a status that the controller would not have written, only the number of the pass is kept: names come from it. */
function parseSetStatus(status: Record<string, unknown>): DockerRunSetStatus {
  if (boundsProblem(status, statusBounds) === undefined && Value.Check(dockerRunSetStatus, status))
    return status;
  const number = recordAt(status, 'pass')['number'];
  const isUsable = typeof number === 'number' && Number.isSafeInteger(number) && number >= 0;
  return isUsable ? { pass: { number } } : {};
}

export function parsePlannerJob(object: unknown): PlannerJob {
  return { ...parseJob(object), setUid: setUidAt(object) };
}

export function parsePlannerPod(object: unknown): PlannerPod {
  return { ...parsePod(object), setUid: setUidAt(object) };
}

function setUidAt(object: unknown): string {
  return (textAt(recordAt(recordAt(object, 'metadata'), 'labels'), labels.setUid) ?? '').slice(0, 64);
}
