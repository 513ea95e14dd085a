import type { Report } from '../../api/report.ts';
import type { DockerRunSetSpec } from '../../api/set/set-spec.ts';
import { type Why, whyReasons } from '../../api/set/window.ts';
import type { SurveyedInput } from '../../planner/survey.ts';

/** What a pass has found, by what becomes of the inputs; `todo` have to run. */
export type PassCounts = {
  readonly listed: number;
  readonly done: number;
  readonly todo: number;
  readonly failed: number;
  readonly excluded: number;
  readonly unsettled: number;
  readonly waiting: number;
};

/** What people know of each cause. */
export const whyTexts: Readonly<Record<Why, string>> = {
  new: 'it has no result yet',
  inputChanged: 'the input has changed since its result was made',
  templateChanged: 'the template has changed since its result was made',
  versionChanged: 'version has changed since its result was made',
  retried: 'it failed before, and is tried again',
};

/** The inputs of the set in one line, without those kinds of which there are none. */
export function countsLine(counts: PassCounts, why: Readonly<Partial<Record<Why, number>>>): string {
  const causes = whyReasons.flatMap((cause) => ((why[cause] ?? 0) > 0 ? [`${why[cause]} ${cause}`] : []));
  const kinds: readonly (readonly [number, string])[] = [
    [counts.done, 'done'],
    [counts.todo, `to run${causes.length > 0 ? ` (${causes.join(', ')})` : ''}`],
    [counts.waiting, 'failed, to be tried again later'],
    [counts.failed, 'failed for good'],
    [counts.unsettled, 'left for a later pass (changed just now, or not readable now)'],
    [counts.excluded, 'excluded'],
  ];
  const found = kinds.flatMap(([count, text]) => (count > 0 ? [`${count} ${text}`] : []));
  return [inputs(counts.listed), ...(found.length > 0 ? [found.join(', ')] : [])].join(': ');
}

/** "1 input", "3 inputs". */
export function inputs(count: number): string {
  return `${count} ${count === 1 ? 'input' : 'inputs'}`;
}

/** A line for each input that runs, with its path below the source and why it runs. */
export function whyLines(found: readonly SurveyedInput[]): string[] {
  return found.map(({ path, why }) => `${path}: ${why}: ${whyTexts[why]}`);
}

/** The worker itself prints a line at the start of an input. */
const stateTexts: Readonly<Record<string, string>> = {
  s: 'succeeded',
  k: 'skipped, because its result is there',
  f: 'failed',
};

/** Turns reports of a chunk into a line for each input that has ended. */
export class ItemProgress {
  readonly #found: readonly SurveyedInput[];
  #states = '';

  constructor(found: readonly SurveyedInput[]) {
    this.#found = found;
  }

  next({ items }: Pick<Report, 'items'>): string[] {
    const states = items?.states ?? '';
    const changed = this.#found.flatMap(({ path }, index) => {
      const state = states[index] ?? 'w';
      if (state === (this.#states[index] ?? 'w')) return [];
      const text = stateTexts[state];
      return text === undefined ? [] : [`${path}: ${text}`];
    });
    this.#states = states;
    return changed;
  }
}

/** What there is to say of an input at the end, in words that come before the address of its result. */
export type ItemEnd = { readonly found: SurveyedInput; readonly text: string };

/** Inputs that did not end are left out: the failure of the whole chunk says why. */
export function itemEnds(
  found: readonly SurveyedInput[],
  { items: status }: Pick<Report, 'items'>,
): ItemEnd[] {
  return found.flatMap((one, index): ItemEnd[] => {
    const state = status?.states[index] ?? 'w';
    if (state === 's' || state === 'k') return [{ found: one, text: `result of ${one.path}` }];
    if (state !== 'f') return [];
    const group = status?.failures?.find((failure) => failure.items.includes(index));
    const message = group?.message === undefined ? '' : `: ${group.message}`;
    const why = group === undefined ? '' : ` (${group.reason})${message}`;
    return [{ found: one, text: `${one.path}: failed${why}` }];
  });
}

/** One message for the fields of a set that have no effect without a cluster; [] without such fields. */
export function ignoredSetFields(spec: DockerRunSetSpec): string[] {
  // Neither false nor an empty text has an effect in a cluster.
  const fields = (['failureBudget', 'watch', 'schedule', 'retryFailed', 'suspend', 'cancel'] as const).filter(
    (field) => Boolean(spec[field]),
  );
  const escalated = spec.escalate === undefined ? [] : ['escalate (no attempt gets more memory)'];
  const names = [...fields, ...escalated].map((field) => `spec.${field}`);
  return names.length === 0 ? [] : [`without a cluster these have no effect: ${names.join(', ')}`];
}
