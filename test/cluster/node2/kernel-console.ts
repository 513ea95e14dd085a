import { readFileSync } from 'node:fs';

/** Lines with which a kernel says that it, and not what runs on it, has failed; the first is the cause. */
const faults = [
  /\bBad page (map|state)\b/,
  /\bBad rss-counter state\b/,
  /\bBUG:/,
  /\bkernel BUG at\b/,
  /\bOops\b/,
  /\bKernel mode (fault|signal)\b/,
  /\bKernel panic - not syncing\b/,
  /\bUnable to handle kernel\b/,
];

/** The first line of a console in which the kernel reports a fault of its own; undefined when there is none. */
export function kernelFault(console: string): string | undefined {
  return console
    .split('\n')
    .find((line) => faults.some((fault) => fault.test(line)))
    ?.trim();
}

/** The same for the console in a file; a file that is missing has no fault. */
export function kernelFaultIn(path: string): string | undefined {
  try {
    return kernelFault(readFileSync(path, 'utf8'));
  } catch {
    return undefined;
  }
}
