import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { mostReportBytes, parseReport, type Report } from '../../api/report.ts';

/** Asks the worker of a pod for its report; gives nothing when it does not answer in time. */
export type AskWorker = (podIP: string, signal: AbortSignal) => Promise<Report | undefined>;

/** Asks a worker over its read-only endpoint; progress is best effort, so any failure is no answer. */
export function askWorkerOver(port: number): AskWorker {
  return async (podIP, signal) => {
    try {
      // Not fetch: many workers are asked each second, and what that leaves behind is tens of megabytes.
      const request = get({ host: podIP, port, path: '/', agent: false, signal });
      const [response] = (await once(request, 'response', { signal })) as [IncomingMessage];
      return response.statusCode === 200 ? parseReport(await readText(response)) : undefined;
    } catch {
      return undefined;
    }
  };
}

async function readText(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    length += chunk.length;
    if (length > mostReportBytes) throw new RangeError('the answer is too long for a report');
  }
  return Buffer.concat(chunks).toString('utf8');
}
