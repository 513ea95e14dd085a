import type { PlannerReport, Why } from '../api/set/window.ts';
import { FailureGroups } from './failure-groups.ts';
import { OpenWindow } from './open-window.ts';

type Counts = { -readonly [Name in keyof PlannerReport['counts']]: number };
type End = { readonly reason?: string; readonly message?: string };

const longest = { message: 4_096, cursor: 2_048 } as const;

/** What the planner serves to the controller, as it is now. */
export class LivePlan {
  readonly window = new OpenWindow();
  readonly failures = new FailureGroups();
  readonly counts: Counts = {
    listed: 0,
    done: 0,
    todo: 0,
    failed: 0,
    excluded: 0,
    gone: 0,
    unsettled: 0,
    waiting: 0,
  };
  readonly why = new Map<Why, number>();
  state: PlannerReport['state'] = 'Listing';
  end: End = {};
  cursor = '';
  waits: string | undefined;
  pause = false;
  retry: string | undefined;
  troubles = 0;
  report: PlannerReport['report'];
  closing: PlannerReport['closing'];
  readonly #drained = Promise.withResolvers<void>();

  /** Settles when the controller says, while the pass is draining, that no chunk of the set is live. */
  get drained(): Promise<void> {
    return this.#drained.promise;
  }

  /** One request of the controller. */
  acknowledge(after: number, isDone: boolean): void {
    this.window.acknowledge(after);
    if (isDone && this.state === 'Draining') this.#drained.resolve();
  }

  counted(why: Why): void {
    this.counts.todo += 1;
    this.why.set(why, (this.why.get(why) ?? 0) + 1);
  }

  snapshot(podUID: string, pass: number): PlannerReport {
    const { state, end, cursor, waits, retry, report, closing } = this;
    const why: PlannerReport['why'] = {
      new: 0,
      inputChanged: 0,
      templateChanged: 0,
      versionChanged: 0,
      retried: 0,
    };
    for (const [reason, count] of this.why) why[reason] = count;
    return {
      podUID,
      pass,
      state,
      ...(end.reason === undefined ? {} : { reason: end.reason }),
      ...(end.message === undefined ? {} : { message: cut(end.message, longest.message) }),
      ...(waits === undefined ? {} : { waits: cut(waits, longest.message) }),
      ...(cursor === '' ? {} : { cursor: cut(cursor, longest.cursor) }),
      counts: { ...this.counts },
      why,
      failures: this.failures.list(),
      items: this.window.first(),
      pause: this.pause,
      ...(retry === undefined ? {} : { retry }),
      troubles: this.troubles,
      ...(report === undefined ? {} : { report }),
      ...(closing === undefined ? {} : { closing }),
    };
  }
}

function cut(text: string, length: number): string {
  return text.slice(0, length).toWellFormed();
}
