/** How far a run is; a field that is absent stays as it was. A total of 0 or less means nobody knows. */
export type JobProgress = { readonly message?: string; readonly current?: number; readonly total?: number };

/** Parameters of Girder's job route. */
export type ProgressForm = {
  progressMessage?: string;
  progressCurrent?: number;
  progressTotal?: number;
};

/** Longer messages do not fit under Girder's bar. */
const longestMessage = 500;

/** The progress Girder should show, and the one it knows: only the difference is sent. */
export class ProgressChanges {
  #wanted: ProgressForm = {};
  #known: ProgressForm = {};

  set({ message, current, total }: JobProgress): void {
    if (message !== undefined) this.#wanted.progressMessage = message.slice(0, longestMessage);
    if (Number.isFinite(current)) this.#wanted.progressCurrent = Number(current);
    if (Number.isFinite(total)) this.#wanted.progressTotal = Number(total);
  }

  get isEmpty(): boolean {
    return Object.keys(this.changes()).length === 0;
  }

  /** The fields that Girder does not know yet. */
  changes(): ProgressForm {
    const known: Readonly<Record<string, unknown>> = this.#known;
    return Object.fromEntries(Object.entries(this.#wanted).filter(([name, value]) => known[name] !== value));
  }

  /** Girder knows these fields now. */
  sent(form: ProgressForm): void {
    this.#known = { ...this.#known, ...form };
  }
}
