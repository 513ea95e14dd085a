import type { Progress } from '../api/status.ts';

/** How far a transfer is: its bytes, of how many if that is known, and how many files are through, if they are counted. */
export type Amount = {
  readonly bytes: number;
  readonly totalBytes?: number | undefined;
  readonly files: number;
};

/** What is pulled, and what the engine says of it, if it has said anything yet. */
export type Pull = {
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
