import type { ForEachItem } from '../../api/for-each.ts';
import type { FailureReason } from '../../api/reasons.ts';
import { truncateToBytes } from '../../api/report.ts';
import type { ActivePhase, ItemsStatus, Progress } from '../../api/status.ts';
import { RunError } from '../../support/errors.ts';
import type { ItemsView, LiveReport, Movement } from '../progress.ts';
import { printable } from './item-spec.ts';

type State = 'w' | 'r' | 's' | 'k' | 'f';

/** Groups of failures, and bytes of JSON for the message of one: both fit into a status. */
const longest = { groups: 16, messageBytes: 1_024, name: 100 } as const;

type Failures = { readonly message: string; readonly items: number[] };

/** What became of the inputs of a run with forEach so far. */
export class ChunkReport implements ItemsView {
  readonly #items: readonly ForEachItem[];
  readonly #states: State[];
  readonly #failures = new Map<FailureReason, Failures>();
  /** The input whose target runs, or the next one. */
  #current = 0;
  #own: LiveReport | undefined;
  #hasStarted = false;
  #isUploading = false;
  #first: { readonly name: string; readonly message: string } | undefined;
  #resultCount = 0;

  constructor(items: readonly ForEachItem[]) {
    this.#items = items;
    this.#states = items.map(() => 'w');
  }

  get resultCount(): number {
    return this.#resultCount;
  }

  /** The target of an input is next; `own` shows how far it is. */
  begins(index: number, own: LiveReport): void {
    this.#noteStart();
    this.#current = index;
    this.#own = own;
  }

  /** The target runs from now on. */
  runs(index: number): void {
    this.#states[index] = 'r';
  }

  /** No target follows. */
  uploads(): void {
    this.#isUploading = true;
  }

  succeeded(index: number, results: number): void {
    this.#states[index] = 's';
    this.#resultCount += results;
  }

  skipped(index: number): void {
    this.#states[index] = 'k';
  }

  failed(index: number, reason: FailureReason, message: string): void {
    this.#states[index] = 'f';
    this.#first ??= { name: this.#nameOf(index), message };
    const known = this.#failures.get(reason);
    if (known === undefined) this.#failures.set(reason, { message, items: [index] });
    else known.items.push(index);
  }

  /** An input whose target was stopped is done by a later attempt. */
  stopped(): void {
    for (const [index, state] of this.#states.entries()) if (state === 'r') this.#states[index] = 'w';
  }

  /** Undefined if no input failed. */
  get failure(): RunError | undefined {
    const count = this.#count('f');
    if (this.#first === undefined) return undefined;
    const reasons = Array.from(this.#failures, ([reason, { items }]) => `${reason} ${items.length}`).join(
      ', ',
    );
    const { name, message } = this.#first;
    const text = `${count} of ${this.#items.length} inputs failed (${reasons}); the first is ${name}: ${message}`;
    return new RunError('ItemsFailed', text);
  }

  get phase(): ActivePhase {
    this.#noteStart();
    if (!this.#hasStarted) return 'Preparing';
    return this.#isUploading ? 'Uploading' : 'Running';
  }

  get status(): ItemsStatus {
    const failures = Array.from(this.#failures, ([reason, { message, items }]) => ({
      reason,
      message: truncateToBytes(message, longest.messageBytes),
      items: items.toSorted((a, b) => a - b),
    }));
    const states = this.#states.join('');
    return failures.length === 0 ? { states } : { states, failures: failures.slice(0, longest.groups) };
  }

  /** Changes about once for each input: a change is a write to the API server. */
  get progress(): Progress {
    const total = this.#items.length;
    const done = this.#states.filter((state) => state !== 'w' && state !== 'r').length;
    const failed = this.#count('f');
    const preparing = this.phase === 'Preparing' ? this.#own?.snapshot().progress?.message : undefined;
    const waits = this.#own?.engineProblem ?? preparing;
    const message = [
      `Item ${this.#current + 1} of ${total}: ${this.#nameOf(this.#current)}`,
      ...(waits === undefined ? [] : [waits]),
      ...(failed === 0 ? [] : [`${failed} failed`]),
    ].join('; ');
    return { message, percent: Math.floor((done / total) * 100), summary: `${done}/${total}` };
  }

  /** Those of the present input: the next one is prepared beside it. */
  get movements(): readonly Movement[] {
    return this.#own?.movements ?? [];
  }

  #noteStart(): void {
    this.#hasStarted ||= this.#own !== undefined && this.#own.phase !== 'Preparing';
  }

  #nameOf(index: number): string {
    return printable((this.#items[index]?.name ?? '').slice(0, longest.name).toWellFormed());
  }

  #count(wanted: State): number {
    return this.#states.filter((state) => state === wanted).length;
  }
}

/** How a run with forEach ended when no input failed, for its status. */
export function itemsMessage({ states }: ItemsStatus, results: number): string {
  const skipped = [...states].filter((state) => state === 'k').length;
  const succeeded = [...states].filter((state) => state === 's').length;
  const unchanged = skipped === 0 ? '' : `, ${skipped} had a result already`;
  const uploaded =
    results === 0 ? '' : `; ${results} ${results === 1 ? 'result is' : 'results are'} in Girder`;
  const all = states.length === 1 ? '1 input' : `${states.length} inputs`;
  return `Of ${all}, ${succeeded} succeeded${unchanged}${uploaded}.`;
}
