import { labels } from '../../api/names.ts';
import { numberAt, parseObjectMeta, recordAt, textAt } from '../../kube/json.ts';
import type { RunSummary, SetCounts, SetSummary } from '../ui-messages.ts';

/** Characters of a text that others wrote, in a summary; the page of the object has the whole text. */
export const longestSummaryText = 200;

const short = (value: unknown, key: string) => (textAt(value, key) ?? '').slice(0, longestSummaryText);

export function summaryOfRun(object: unknown): RunSummary {
  const { key, name, namespace, resourceVersion: version } = parseObjectMeta(object);
  const metadata = recordAt(object, 'metadata');
  const status = recordAt(object, 'status');
  return {
    ...{ key, name, namespace, version },
    created: short(metadata, 'creationTimestamp'),
    phase: short(status, 'phase') || 'Pending',
    reason: short(status, 'reason'),
    image: short(recordAt(object, 'spec'), 'image'),
    progress: short(recordAt(status, 'progress'), 'summary'),
    node: short(status, 'nodeName'),
    set: short(recordAt(metadata, 'labels'), labels.set),
    completed: short(status, 'completionTime'),
  };
}

export function summaryOfSet(object: unknown): SetSummary {
  const { key, name, namespace, resourceVersion: version } = parseObjectMeta(object);
  const status = recordAt(object, 'status');
  return {
    ...{ key, name, namespace, version },
    created: short(recordAt(object, 'metadata'), 'creationTimestamp'),
    phase: short(status, 'phase') || 'Pending',
    counts: countsOf(recordAt(status, 'items')),
    eta: short(recordAt(status, 'rate'), 'eta'),
  };
}

function countsOf(items: Record<string, unknown>): SetCounts {
  const count = (key: keyof SetCounts) => numberAt(items, key) ?? 0;
  return {
    seen: count('seen'),
    done: count('done'),
    running: count('running'),
    failed: count('failed'),
    waiting: count('waiting'),
  };
}

/** The inputs per hour of a set; 0 while that is not known. */
export function rateOf(object: unknown): number {
  return numberAt(recordAt(recordAt(object, 'status'), 'rate'), 'itemsPerHour') ?? 0;
}
