import { mostResultBytes, mostResults, type Report } from '../api/report.ts';
import type { Progress, Result, TargetStatus, Transfer } from '../api/status.ts';
import { jsonBytes } from '../api/text-size.ts';

/** The phases in which a worker is at work. */
export type ActivePhase = 'Preparing' | 'Running' | 'Uploading';

/** What is said of a phase in which nothing more is known. */
export const phaseMessages: Readonly<Record<ActivePhase, string>> = {
  Preparing: 'The worker prepares the run.',
  Running: 'The target runs.',
  Uploading: 'The results are being uploaded.',
};

/** What the worker knows of its run now; the progress endpoint and the final word are made from it. */
export class LiveReport {
  phase: ActivePhase = 'Preparing';
  target: TargetStatus | undefined;
  readonly #results: Result[] = [];
  #resultBytes = 0;
  #resultCount = 0;
  readonly #transfers = new Map<string, Transfer>();
  #pull: Progress | undefined;
  #target: Progress | undefined;

  /** Notes what is in Girder now: what a status has room for, and of the rest only how many there are. */
  uploaded(result: Result): void {
    this.#resultCount += 1;
    const isFull = this.#results.length >= mostResults || this.#resultBytes >= mostResultBytes;
    if (isFull) return;
    this.#results.push(result);
    this.#resultBytes += jsonBytes(result) + 1;
  }

  /** Notes how far a transfer is, in bytes; of a stream nobody may know how many it will be. */
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

  /** Notes how far the pull of the image is, in bytes; nothing ends it. */
  pulling(message: string | undefined, bytes = 0, totalBytes = 0): void {
    this.#pull = message === undefined ? undefined : { message, ...percentOf(bytes, totalBytes) };
  }

  /** The report as it stands. */
  snapshot(): Report {
    const transfers = [...this.#transfers.values()];
    return {
      phase: this.phase,
      progress: this.#progress(transfers),
      ...(this.target === undefined ? {} : { target: this.target }),
      ...(transfers.length === 0 ? {} : { transfers }),
      ...(this.#resultCount === 0 ? {} : { results: [...this.#results] }),
      ...(this.#resultCount === this.#results.length ? {} : { resultCount: this.#resultCount }),
    };
  }

  #progress(transfers: Transfer[]): Progress {
    switch (this.phase) {
      case 'Preparing':
        return transferProgress(transfers, 'download') ?? this.#pull ?? { message: phaseMessages.Preparing };
      case 'Running':
        return this.#target ?? { message: phaseMessages.Running };
      case 'Uploading':
        return transferProgress(transfers, 'upload') ?? { message: phaseMessages.Uploading };
    }
  }
}

function transferProgress(transfers: Transfer[], direction: Transfer['direction']): Progress | undefined {
  const open = transfers.filter((one) => one.direction === direction && isOpen(one));
  const [first] = open;
  if (first === undefined) return undefined;
  const more = open.length > 1 ? ` and ${open.length - 1} more` : '';
  const verb = direction === 'download' ? 'Downloading' : 'Uploading';
  return { message: `${verb} ${first.name}${more}`, ...percentOf(first.bytes, first.totalBytes) };
}

/** A transfer of unknown size is no progress that ends. */
function isOpen({ bytes, totalBytes }: Transfer): boolean {
  return totalBytes !== undefined && bytes < totalBytes;
}

function percentOf(bytes: number, totalBytes = 0): { percent?: number } {
  return totalBytes > 0 ? { percent: wholePercent((bytes / totalBytes) * 100) } : {};
}

const wholePercent = (percent: number) => Math.max(0, Math.min(100, Math.floor(percent)));
