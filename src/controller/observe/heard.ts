import { isTerminalPhase } from '../../api/status.ts';
import type { Report } from '../../api/report.ts';
import type { ObservedPod } from './observed.ts';

/** What the workers of running pods said over their endpoints. */
export type Heard = {
  /** What the worker of a pod said last, by the uid of the pod. */
  reportOf: (podUid: string) => Report | undefined;
  /** Notes that its end, as it told it, is stored: it may end now. */
  stored: (podUid: string) => void;
};

/** True for a report of a run that has ended: its worker waits until that is surely known. */
export function hasEnded(said: Report | undefined): boolean {
  return isTerminalPhase(said?.phase);
}

/** A final word has little room; what it leaves out, its worker may have told before it ended. */
export function withAllThatWasHeard(pod: ObservedPod, workers: Pick<Heard, 'reportOf'>): ObservedPod {
  const { worker, uid } = pod;
  if (worker.kind !== 'terminated' || worker.report === undefined) return pod;
  const heard = workers.reportOf(uid);
  if (heard === undefined || !hasEnded(heard)) return pod;
  const { resultCount: _, ...word } = worker.report;
  return { ...pod, worker: { ...worker, report: { ...heard, ...word, ...roomy(heard) } } };
}

function roomy({ results, transfers, resultCount }: Report): Partial<Report> {
  return {
    ...(results === undefined ? {} : { results }),
    ...(transfers === undefined ? {} : { transfers }),
    ...(resultCount === undefined ? {} : { resultCount }),
  };
}
