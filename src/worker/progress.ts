import { defined } from '../api/json-values.ts';
import {
  jsonBytes,
  maxListedTransfers,
  maxMessageBytes,
  maxResultBytes,
  type Report,
  truncateToBytes,
} from '../api/report.ts';
import {
  type ActivePhase,
  type ItemsStatus,
  phaseMessages,
  type Progress,
  type Result,
  type TargetStatus,
  type Transfer,
} from '../api/status.ts';
import { bytesText } from '../support/byte-text.ts';

/** A transfer that is in progress until it is disposed of. */
type OpenTransfer = Disposable & {
  readonly moved: (bytes: number, totalBytes: number | undefined) => void;
  /** Counts one more completed file. */
  readonly fileMoved: () => void;
};

/** A pull that is in progress until it is disposed of. */
type OpenPull = Disposable & {
  readonly moved: (message: string, bytes: number, totalBytes: number) => void;
};

/** Bytes that the worker moves now. The total is undefined while it is unknown. */
export type Movement = {
  readonly kind: 'pull' | 'download' | 'upload' | 'stream';
  /** Of the image, or of the transform. */
  readonly name: string;
  readonly bytes: number;
  readonly totalBytes?: number;
  /** How many files are complete; 0 if they are not counted. */
  readonly files: number;
  /** What the engine says of a pull. */
  readonly message?: string;
};

/** What a run with forEach shows of its inputs; its phase and progress take the place of those of one target. */
export type ItemsView = {
  readonly phase: ActivePhase;
  readonly status: ItemsStatus;
  readonly progress: Progress;
  /** What the inputs themselves move now. */
  readonly movements: readonly Movement[];
  /** How many files of all inputs are in Girder. */
  readonly resultCount: number;
};

type Underway = {
  readonly direction: Transfer['direction'];
  readonly name: string;
  bytes: number;
  totalBytes: number | undefined;
  files: number;
};

/** The current state of the run; the source of the progress endpoint and of the termination message. */
export class LiveReport {
  phase: ActivePhase = 'Preparing';
  /** What the worker is doing while it prepares the run, shown if there is no download or pull. */
  doing: string = phaseMessages.Preparing;
  /** Why the engine cannot be used while the run is prepared, if it cannot. */
  engineProblem: string | undefined;
  /** Why a request to Girder has to wait, if one does. */
  girderProblem: string | undefined;
  /** What a user of the run should know while it is prepared and runs. */
  notice: string | undefined;
  target: TargetStatus | undefined;
  /** Set for a run with forEach. */
  items: ItemsView | undefined;
  readonly #results: Result[] = [];
  #resultBytes = 0;
  #resultCount = 0;
  readonly #transfers = new Map<string, Transfer>();
  readonly #underway = new Set<Underway>();
  readonly #streams = new Map<string, Movement>();
  #pull: Pull | undefined;
  #target: { readonly message?: string; readonly current?: number; readonly total?: number } = {};

  /**
   * Adds a result that is in Girder now. Only the first results that fit into a termination message are
   * listed, the rest are counted; so the final report lists the same results as the live ones.
   */
  uploaded(result: Result): void {
    this.#resultCount += 1;
    // Each result adds a comma or a bracket.
    this.#resultBytes += jsonBytes(result) + 1;
    if (this.#resultBytes < maxResultBytes) this.#results.push(result);
  }

  /** Sets the bytes of a stream. Nobody waits for it, so it is not progress. */
  streamed(direction: Transfer['direction'], name: string, bytes: number, totalBytes?: number): void {
    this.transferred(direction, name, bytes, totalBytes);
    const key = `${direction} ${name}`;
    if (this.#streams.size >= maxListedTransfers && !this.#streams.has(key)) return;
    this.#streams.set(key, { kind: 'stream', name, files: 0, ...defined({ bytes, totalBytes }) });
  }

  /** Sets the bytes of a stream that moves no data, but the log or the progress. */
  transferred(direction: Transfer['direction'], name: string, bytes: number, totalBytes?: number): void {
    const key = `${direction} ${name}`;
    if (this.#transfers.size >= maxListedTransfers && !this.#transfers.has(key)) return;
    this.#transfers.set(key, defined({ name, direction, bytes, totalBytes }));
  }

  /** Sets the progress that the target reports; fields that the line leaves out keep their value. */
  targetProgress(line: { message?: string; current?: number; total?: number }): void {
    this.#target = { ...this.#target, ...line };
  }

  /** Starts a transfer, which the progress shows under the first of its names. */
  beginTransfer(direction: Transfer['direction'], names: readonly string[]): OpenTransfer {
    const [name = ''] = names;
    const one: Underway = { direction, name, bytes: 0, totalBytes: undefined, files: 0 };
    this.#underway.add(one);
    return {
      moved: (bytes, totalBytes) => {
        one.bytes = bytes;
        one.totalBytes = totalBytes;
        for (const each of names) this.transferred(direction, each, bytes, totalBytes);
      },
      fileMoved: () => void (one.files += 1),
      [Symbol.dispose]: () => void this.#underway.delete(one),
    };
  }

  beginPull(image: string): OpenPull {
    this.#pull = { image };
    return {
      moved: (message, bytes, totalBytes) => {
        this.#pull = { image, message, bytes, totalBytes };
      },
      [Symbol.dispose]: () => {
        this.#pull = undefined;
      },
    };
  }

  /** Why nothing moves, if something has to be waited for: while a target runs, for what it reads from a stream. */
  get problem(): string | undefined {
    return this.#waitsForEngine() ? this.engineProblem : this.girderProblem;
  }

  /** What moves now: the pull and the transfers, and while the target runs the streams that are not complete. */
  get movements(): readonly Movement[] {
    const pulls = this.#pull === undefined ? [] : [movementOf(this.#pull)];
    const transfers = [...this.#underway].map(({ direction, name, bytes, totalBytes, files }): Movement => ({
      ...{ kind: direction, name, bytes, files },
      ...defined({ totalBytes }),
    }));
    const open = [...this.#streams.values()].filter(({ bytes, totalBytes }) => bytes !== totalBytes);
    const streams = this.phase === 'Running' ? open : [];
    return [...pulls, ...transfers, ...streams, ...(this.items?.movements ?? [])];
  }

  /** How many results are in Girder. */
  get resultCount(): number {
    return this.#resultCount;
  }

  snapshot(): Report {
    if (this.items !== undefined) return this.#ofItems(this.items);
    const transfers = [...this.#transfers.values()];
    return {
      phase: this.phase,
      ...(this.#waitsForEngine() ? { reason: 'EngineUnavailable' } : {}),
      progress: withShortMessage(this.#progress()),
      ...defined({ target: this.target }),
      ...(transfers.length === 0 ? {} : { transfers }),
      ...(this.#resultCount === 0 ? {} : { results: [...this.#results], resultCount: this.#resultCount }),
    };
  }

  /** Without the targets and their results: each change of a target would be a write to the API server. */
  #ofItems(items: ItemsView): Report {
    const { phase, status, progress, resultCount } = items;
    this.phase = phase;
    const isWaiting = this.girderProblem !== undefined || (phase === 'Preparing' && this.#isFetching());
    return {
      phase,
      ...(this.#waitsForEngine() ? { reason: 'EngineUnavailable' } : {}),
      progress: withShortMessage(isWaiting || this.#waitsForEngine() ? this.#waiting() : progress),
      items: status,
      ...(resultCount === 0 ? {} : { resultCount }),
    };
  }

  #isFetching(): boolean {
    return this.#pull !== undefined || this.#open('download').length > 0;
  }

  #waiting(): Progress {
    const { problem } = this;
    return problem === undefined ? (this.#fetching() ?? { message: this.doing }) : { message: problem };
  }

  #waitsForEngine(): boolean {
    return this.phase === 'Preparing' && this.engineProblem !== undefined;
  }

  #progress(): Progress {
    const { problem, phase } = this;
    if (problem !== undefined && phase !== 'Running') return { message: problem };
    switch (phase) {
      case 'Preparing':
        return this.#fetching() ?? { message: this.#noticed(this.doing) };
      case 'Running':
        return this.#targetProgress();
      case 'Uploading':
        return transferProgress('Uploading', this.#open('upload')) ?? { message: phaseMessages.Uploading };
    }
  }

  #targetProgress(): Progress {
    const { message = this.#noticed(phaseMessages.Running), current, total } = this.#target;
    return measuredProgress(this.problem ?? message, current, total);
  }

  #noticed(message: string): string {
    return this.notice === undefined ? message : `${message.replace(/\.$/, '')}; ${this.notice}`;
  }

  #fetching(): Progress | undefined {
    return fetchProgress(transferProgress('Downloading', this.#open('download')), this.#pull);
  }

  #open(wanted: Transfer['direction']): Underway[] {
    return [...this.#underway].filter(({ direction }) => direction === wanted);
  }
}

function withShortMessage(progress: Progress): Progress {
  return { ...progress, message: truncateToBytes(progress.message, maxMessageBytes) };
}

/** `totalBytes` is undefined if unknown; `files` counts completed files, or is 0 if they are not counted. */
type Amount = {
  readonly bytes: number;
  readonly totalBytes?: number | undefined;
  readonly files: number;
};

/** Only the image is known until the engine reports its first progress. */
type Pull = {
  readonly image: string;
  readonly message?: string;
  readonly bytes?: number;
  readonly totalBytes?: number;
};

/** The engine knows no total, or 0, before the first layer. */
function movementOf({ image, message, bytes = 0, totalBytes = 0 }: Pull): Movement {
  const known = defined({ message, totalBytes: totalBytes > 0 ? totalBytes : undefined });
  return { kind: 'pull', name: image, bytes, files: 0, ...known };
}

/** Describes the first transfer and counts the others; undefined if there are none. */
export function transferProgress(
  verb: 'Downloading' | 'Uploading',
  open: readonly (Amount & { readonly name: string })[],
): Progress | undefined {
  const [first] = open;
  if (first === undefined) return undefined;
  const { name, bytes, totalBytes } = first;
  const amount = amountText(first);
  const others = open.length - 1;
  const message = `${verb} ${others === 0 ? alone(name, amount) : `${beside(name, amount)} and ${others} more`}`;
  const isCounted = totalBytes === undefined && amount !== '';
  return isCounted ? { message, summary: amount } : measuredProgress(message, bytes, totalBytes);
}

const alone = (name: string, amount: string) => (amount === '' ? name : `${name}: ${amount}`);

/** In brackets, because the amount is that of the first transfer and not of all. */
const beside = (name: string, amount: string) => (amount === '' ? name : `${name} (${amount})`);

/** The progress of a download, else of the pull; a pull during a download is mentioned in the message. */
export function fetchProgress(download: Progress | undefined, pull: Pull | undefined): Progress | undefined {
  if (pull === undefined) return download;
  const { image, message, bytes = 0, totalBytes } = pull;
  if (download !== undefined) return { ...download, message: `${download.message}; pulling ${image}` };
  const detail = message === undefined ? '' : `: ${message}`;
  return measuredProgress(`Pulling ${image}${detail}`, bytes, totalBytes);
}

/** Adds the percentage, an integer from 0 to 100, if both numbers are known. */
export function measuredProgress(
  message: string,
  done: number | undefined,
  total: number | undefined,
): Progress {
  if (done === undefined || total === undefined || total <= 0) return { message };
  const percent = Math.max(0, Math.min(100, Math.floor((done / total) * 100)));
  return { message, percent, summary: `${percent}%` };
}

/** Without bytes if the total is known: the percentage then shows them. */
function amountText({ bytes, totalBytes, files }: Amount): string {
  const parts = [
    ...(files > 0 ? [`${files} ${files === 1 ? 'file' : 'files'}`] : []),
    ...(totalBytes === undefined && bytes > 0 ? [bytesText(bytes)] : []),
  ];
  return parts.join(', ');
}
