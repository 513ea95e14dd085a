import type { CoreV1Event } from '@kubernetes/client-node';
import { apiVersion, setKind } from '../../../api/names.ts';
import type { DockerRunSetStatus } from '../../../api/set/set-status.ts';
import type { ObservedSet } from '../observe/observed-set.ts';

const component = 'dockerrun-controller';

/** The Event for a new status: Paused, Resumed, Complete and PassFailed only; a pass of a watch is none. */
export function setEventOf(set: ObservedSet, after: DockerRunSetStatus, now: Date): CoreV1Event | undefined {
  const found = occurrenceOf(set.status, after);
  if (found === undefined) return undefined;
  const { namespace, name, uid } = set.metadata;
  const at = now.toISOString();
  const tail = `.${uid.slice(0, 8)}.${found.name}`.toLowerCase();
  return {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { namespace, name: `${name.slice(0, 253 - tail.length)}${tail}` },
    involvedObject: { apiVersion, kind: setKind, namespace, name, uid },
    ...{ type: found.type, reason: found.reason, message: after.message ?? '' },
    source: { component },
    // The client's type takes Dates; they are JSON by then.
    ...({ firstTimestamp: at, lastTimestamp: at } as unknown as Pick<
      CoreV1Event,
      'firstTimestamp' | 'lastTimestamp'
    >),
    count: 1,
  };
}

type Occurrence = { readonly reason: string; readonly type: 'Normal' | 'Warning'; readonly name: string };

/** Identifies an occurrence, the same whenever it is computed, so that its Event is created once. */
function occurrenceOf(before: DockerRunSetStatus, after: DockerRunSetStatus): Occurrence | undefined {
  const at = `${after.pass?.number ?? 0}.${after.observedGeneration ?? 0}`;
  const [was, is] = [reasonOf(before), reasonOf(after)];
  if (after.phase === 'Paused') {
    if (before.phase === 'Paused' && was === is) return undefined;
    return { reason: 'Paused', type: is === 'Suspended' ? 'Normal' : 'Warning', name: `paused.${is}.${at}` };
  }
  if (before.phase === 'Paused') return { reason: 'Resumed', type: 'Normal', name: `resumed.${at}` };
  if (after.phase === 'Complete')
    return before.phase === 'Complete'
      ? undefined
      : { reason: 'Complete', type: 'Normal', name: `complete.${at}` };
  const problems = newProblems(before, after);
  return problems === undefined
    ? undefined
    : { reason: 'PassFailed', type: 'Warning', name: `passfailed.${at}.${problems}` };
}

/** How many planners of the pass have failed in a row, when one more has. */
function newProblems({ pass: old }: DockerRunSetStatus, { pass }: DockerRunSetStatus): number | undefined {
  const before = old?.number === pass?.number ? (old?.problems ?? 0) : 0;
  const problems = pass?.problems ?? 0;
  return problems > before ? problems : undefined;
}

function reasonOf({ conditions = [] }: DockerRunSetStatus): string {
  return conditions.find(({ type }) => type === 'Ready')?.reason ?? '';
}
