import { mostResultBytes, mostResults, type Report } from '../api/report.ts';
import type { Progress, Result, TargetStatus, Transfer } from '../api/status.ts';
import { jsonBytes } from '../api/text-size.ts';
import { fetchProgress, type Pull, transferProgress, wholePercent } from './progress-text.ts';

/** The phases in which a worker is at work. */
export type ActivePhase = 'Preparing' | 'Running' | 'Uploading';

/** What is said of a phase in which nothing more is known. */
export const phaseMessages: Readonly<Record<ActivePhase, string>> = {
  Preparing: 'The worker starts.',
  Running: 'The target runs.',
  Uploading: 'The results are being uploaded.',
};

/** A transfer that goes on until it is disposed of. */
export type OpenTransfer = Disposable & {
  readonly moved: (bytes: number, totalBytes: number | undefined) => void;
  /** One more file is through. */
  readonly fileMoved: () => void;
};

/** A pull that goes on until it is disposed of. */
export type OpenPull = Disposable & {
  readonly said: (message: string, bytes: number, totalBytes: number) => void;
};

type Underway = {
  readonly direction: Transfer['direction'];
  readonly name: string;
  bytes: number;
  totalBytes: number | undefined;
  files: number;
};

/** What the worker knows of its run now; the progress endpoint and the final word are made from it. */
export class LiveReport {
  phase: ActivePhase = 'Preparing';
  /** What is done to prepare the run, when that is neither a download nor a pull. */
  doing = phaseMessages.Preparing;
  target: TargetStatus | undefined;
  readonly #results: Result[] = [];
  #resultBytes = 0;
  #resultCount = 0;
  readonly #transfers = new Map<string, Transfer>();
  readonly #underway = new Set<Underway>();
  #pull: Pull | undefined;
  #target: Progress | undefined;

  /** Notes what is in Girder now: what a status has room for, and of the rest only how many there are. */
  uploaded(result: Result): void {
    this.#resultCount += 1;
    const isFull = this.#results.length >= mostResults || this.#resultBytes >= mostResultBytes;
    if (isFull) return;
    this.#results.push(result);
    this.#resultBytes += jsonBytes(result) + 1;
  }

  /** Notes how far a transfer is, in bytes; a stream, which nobody waits for, is no progress. */
  transferred(direction: Transfer['direction'], name: string, bytes: number, totalBytes?: number): void {
    const total = totalBytes === undefined ? {} : { totalBytes };
    this.#transfers.set(`${direction} ${name}`, { name, direction, bytes, ...total });
  }

  /** Notes what the target says of its own progress; what it leaves out stays as it said before. */
  targetProgress(said: { message?: string | undefined; percent?: number | undefined }): void {
    const before = this.#target;
    const percent = said.percent === undefined ? before?.percent : wholePercent(said.percent);
    this.#target = {
      message: said.message ?? before?.message ?? phaseMessages.Running,
      ...(percent === undefined ? {} : { percent }),
    };
  }

  /** Begins what the progress names until it ends: one transfer, told by its first name, however many it is for. */
  beginTransfer(direction: Transfer['direction'], names: readonly string[]): OpenTransfer {
    const [name = ''] = names;
    const one: Underway = { direction, name, bytes: 0, totalBytes: undefined, files: 0 };
    this.#underway.add(one);
    return {
      moved: (bytes, totalBytes) => {
        Object.assign(one, { bytes, totalBytes });
        for (const each of names) this.transferred(direction, each, bytes, totalBytes);
      },
      fileMoved: () => void (one.files += 1),
      [Symbol.dispose]: () => void this.#underway.delete(one),
    };
  }

  /** Begins the pull of the image, which is named from now on. */
  beginPull(image: string): OpenPull {
    this.#pull = { image };
    return {
      said: (message, bytes, totalBytes) => {
        this.#pull = { image, message, bytes, totalBytes };
      },
      [Symbol.dispose]: () => {
        this.#pull = undefined;
      },
    };
  }

  /** The report as it stands. */
  snapshot(): Report {
    const transfers = [...this.#transfers.values()];
    return {
      phase: this.phase,
      progress: this.#progress(),
      ...(this.target === undefined ? {} : { target: this.target }),
      ...(transfers.length === 0 ? {} : { transfers }),
      ...(this.#resultCount === 0 ? {} : { results: [...this.#results] }),
      ...(this.#resultCount === this.#results.length ? {} : { resultCount: this.#resultCount }),
    };
  }

  #progress(): Progress {
    switch (this.phase) {
      case 'Preparing':
        return this.#fetching() ?? { message: this.doing };
      case 'Running':
        return this.#target ?? { message: phaseMessages.Running };
      case 'Uploading':
        return transferProgress('Uploading', this.#open('upload')) ?? { message: phaseMessages.Uploading };
    }
  }

  #fetching(): Progress | undefined {
    return fetchProgress(transferProgress('Downloading', this.#open('download')), this.#pull);
  }

  #open(wanted: Transfer['direction']): Underway[] {
    return [...this.#underway].filter(({ direction }) => direction === wanted);
  }
}
