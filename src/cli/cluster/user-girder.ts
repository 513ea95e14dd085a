import { isRecord, textOf } from '../../api/json-values.ts';
import { defaultTiming, type GirderClient } from '../../girder/client.ts';
import { openGirder } from '../../girder/open-girder.ts';
import { deadline } from '../../support/abort.ts';
import { describe } from '../../support/errors.ts';
import { ofVariables } from '../local/exit-code.ts';
import { useLocalEgress } from '../local/local-environment.ts';
import type { Terminal } from '../terminal.ts';
import { ClusterError } from './session.ts';

/** In milliseconds, for all requests of one command: a person waits. */
const girderMs = 60_000;
/** Milliseconds for one answer, and for how long a failure is retried: a person waits. */
const patienceMs = 10_000;

/**
 * Uses a Girder with the user's own key. The address comes from an object that somebody else may have written, so the
 * key is sent only to the Girder that GIRDER_API_URL names. @throws ClusterError
 */
export async function withUserGirder<T>(
  { environment, stop }: Pick<Terminal, 'environment' | 'stop'>,
  apiUrl: string,
  work: (client: GirderClient, signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const [own, apiKey, token] = ['GIRDER_API_URL', 'GIRDER_API_KEY', 'GIRDER_TOKEN'].map((name) =>
    textOf(environment[name]),
  );
  if (own === undefined || (apiKey ?? token) === undefined)
    throw new ClusterError(
      `set GIRDER_API_KEY or GIRDER_TOKEN, and GIRDER_API_URL=${apiUrl} if that is the Girder to which it belongs`,
    );
  if (!isSameGirder(own, apiUrl))
    throw new ClusterError(
      `the object uses the Girder ${apiUrl}, but your key is for ${own} (GIRDER_API_URL), so it is not sent there`,
    );
  await useLocalEgress(environment);
  const signal = deadline(girderMs, stop);
  try {
    const credentials = apiKey === undefined ? { token: token ?? '' } : { apiKey };
    const timing = { ...defaultTiming, answer: patienceMs };
    const client = await openGirder({ apiUrl: own, credentials, signal, timing, patienceMs });
    try {
      return await work(client, signal);
    } finally {
      await client.close();
    }
  } catch (error) {
    stop.throwIfAborted();
    throw error instanceof ClusterError ? error : new ClusterError(ofVariables(describe(error)));
  }
}

/** Whether two addresses of an API are the same, but for a slash at the end and the case of the host. */
export function isSameGirder(one: string, other: string): boolean {
  const normal = (text: string) =>
    URL.canParse(text) ? new URL(text).href.replace(/(?<!\/)\/+$/, '') : undefined;
  return normal(one) !== undefined && normal(one) === normal(other);
}

/** Prints the log of a job of Girder. @throws ClusterError */
export async function printJobLog(terminal: Terminal, apiUrl: string, jobId: string): Promise<void> {
  const log = await withUserGirder(terminal, apiUrl, (client, signal) =>
    client.json({
      method: 'GET',
      route: ['job', jobId],
      subject: `job ${jobId}`,
      signal,
      parse: parseJobLog,
    }),
  );
  terminal.stdout.write(log);
}

/** A list of texts in Girder since version 2, a text before. */
export function parseJobLog(job: unknown): string {
  const log = isRecord(job) ? job['log'] : undefined;
  if (Array.isArray(log)) return log.map((part) => textOf(part) ?? '').join('');
  return textOf(log) ?? '';
}
