import { defined } from '../api/json-values.ts';
import { jsonBytes, mostMessageBytes, mostResultBytes, type Report, truncateToBytes } from '../api/report.ts';
import {
  type ActivePhase,
  phaseMessages,
  type Progress,
  type Result,
  type TargetStatus,
  type Transfer,
} from '../api/status.ts';

/** A transfer that goes on until it is disposed of. */
type OpenTransfer = Disposable & {
  readonly moved: (bytes: number, totalBytes: number | undefined) => void;
  /** One more file is through. */
  readonly fileMoved: () => void;
};

/** A pull that goes on until it is disposed of. */
type OpenPull = Disposable & {
  readonly said: (message: string, bytes: number, totalBytes: number) => void;
};

type Underway = {
  readonly direction: Transfer['direction'];
  readonly name: string;
  bytes: number;
  totalBytes: number | undefined;
  files: number;
};

/** What the worker knows of its run now; the progress endpoint and the termination message are made from it. */
export class LiveReport {
  phase: ActivePhase = 'Preparing';
  /** What is done to prepare the run, when that is neither a download nor a pull. */
  doing: string = phaseMessages.Preparing;
  target: TargetStatus | undefined;
  readonly #results: Result[] = [];
  #resultBytes = 0;
  #resultCount = 0;
  readonly #transfers = new Map<string, Transfer>();
  readonly #underway = new Set<Underway>();
  #pull: Pull | undefined;
  #target: { readonly message?: string; readonly current?: number; readonly total?: number } = {};

  /**
   * Notes what is in Girder now. The first results that fit into a termination message are kept, of the rest only how
   * many there are; so the final report lists what the live ones listed.
   */
  uploaded(result: Result): void {
    this.#resultCount += 1;
    // A comma or a bracket goes with each.
    this.#resultBytes += jsonBytes(result) + 1;
    if (this.#resultBytes < mostResultBytes) this.#results.push(result);
  }

  /** Notes how far a transfer is, in bytes; a stream, which nobody waits for, is no progress. */
  transferred(direction: Transfer['direction'], name: string, bytes: number, totalBytes?: number): void {
    this.#transfers.set(`${direction} ${name}`, defined({ name, direction, bytes, totalBytes }));
  }

  /** Notes what the target reports of its own progress; what it leaves out stays as it was before. */
  targetProgress(line: { message?: string; current?: number; total?: number }): void {
    this.#target = { ...this.#target, ...line };
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
      progress: withShortMessage(this.#progress()),
      ...defined({ target: this.target }),
      ...(transfers.length === 0 ? {} : { transfers }),
      ...(this.#resultCount === 0 ? {} : { results: [...this.#results], resultCount: this.#resultCount }),
    };
  }

  #progress(): Progress {
    switch (this.phase) {
      case 'Preparing':
        return this.#fetching() ?? { message: this.doing };
      case 'Running':
        return this.#targetProgress();
      case 'Uploading':
        return transferProgress('Uploading', this.#open('upload')) ?? { message: phaseMessages.Uploading };
    }
  }

  #targetProgress(): Progress {
    const { message = phaseMessages.Running, current, total } = this.#target;
    return measuredProgress(message, current, total);
  }

  #fetching(): Progress | undefined {
    return fetchProgress(transferProgress('Downloading', this.#open('download')), this.#pull);
  }

  #open(wanted: Transfer['direction']): Underway[] {
    return [...this.#underway].filter(({ direction }) => direction === wanted);
  }
}

function withShortMessage(progress: Progress): Progress {
  return { ...progress, message: truncateToBytes(progress.message, mostMessageBytes) };
}

/** How far a transfer is: its bytes, of how many if that is known, and how many files are through, if they are counted. */
type Amount = {
  readonly bytes: number;
  readonly totalBytes?: number | undefined;
  readonly files: number;
};

/** What is pulled, and what the engine says of it, if it has said anything yet. */
type Pull = {
  readonly image: string;
  readonly message?: string;
  readonly bytes?: number;
  readonly totalBytes?: number;
};

/** The progress of transfers of one direction, told by the first; nothing when there are none. */
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

/** In brackets, or the amount of one would be taken for that of all. */
const beside = (name: string, amount: string) => (amount === '' ? name : `${name} (${amount})`);

/** The progress of what is fetched before the target starts: a pull beside a download is named with it. */
export function fetchProgress(download: Progress | undefined, pull: Pull | undefined): Progress | undefined {
  if (pull === undefined) return download;
  const { image, message, bytes = 0, totalBytes } = pull;
  if (download !== undefined) return { ...download, message: `${download.message}; pulling ${image}` };
  const said = message === undefined ? '' : `: ${message}`;
  return measuredProgress(`Pulling ${image}${said}`, bytes, totalBytes);
}

/** Progress with its percentage, whole and from 0 to 100, when both numbers are known. */
export function measuredProgress(
  message: string,
  done: number | undefined,
  total: number | undefined,
): Progress {
  if (done === undefined || total === undefined || total <= 0) return { message };
  const percent = Math.max(0, Math.min(100, Math.floor((done / total) * 100)));
  return { message, percent, summary: `${percent}%` };
}

/** Bytes are told by the percentage when there is one. */
function amountText({ bytes, totalBytes, files }: Amount): string {
  const parts = [
    ...(files > 0 ? [`${files} ${files === 1 ? 'file' : 'files'}`] : []),
    ...(totalBytes === undefined && bytes > 0 ? [bytesText(bytes)] : []),
  ];
  return parts.join(', ');
}

const units = ['kB', 'MB', 'GB', 'TB'];

/** A number of bytes for people, like 3.2 MB. */
export function bytesText(bytes: number): string {
  if (bytes < 1000) return `${bytes} ${bytes === 1 ? 'byte' : 'bytes'}`;
  // Rounded as it will be told, so that nothing is 1000.0 kB.
  const power = Math.min(units.length, Math.floor(Math.log10(Number(bytes.toPrecision(4))) / 3));
  return `${(bytes / 1000 ** power).toFixed(1)} ${units[power - 1]}`;
}
