import { parseReport, type Report } from '../api/report.ts';

/** Asks the worker of a pod for its report; gives nothing when it does not answer in time. */
export type AskWorker = (podIP: string, signal: AbortSignal) => Promise<Report | undefined>;

/** A bounded report has 256 KiB of results, and of transfers as many as a spec has; what is longer is not from a worker. */
const longestReport = 512 * 1024;

/** Asks a worker over its read-only endpoint; progress is best effort, so any failure is no answer. */
export function askWorkerOver(port: number): AskWorker {
  return async (podIP, signal) => {
    const host = podIP.includes(':') ? `[${podIP}]` : podIP;
    try {
      const response = await fetch(`http://${host}:${port}/`, { signal, redirect: 'error' });
      return parseReport(await readText(response));
    } catch {
      return undefined;
    }
  };
}

async function readText(response: Response): Promise<string> {
  const decoder = new TextDecoder();
  let text = '';
  for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    text += decoder.decode(chunk, { stream: true });
    if (text.length > longestReport) throw new RangeError('the answer is too long for a report');
  }
  return text + decoder.decode();
}
