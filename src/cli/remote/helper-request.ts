import type { Readable } from 'node:stream';
import { isRecord, parseJson } from '../../api/json-values.ts';
import type { RegistryEntry } from '../../docker/pull/registry-auths.ts';
import type { Fields, Manifest } from '../offline/manifest.ts';

/** What the helper gets as one line of JSON on its standard input; both ends are the same program. */
export type HelperRequest = {
  readonly chosen: Fields;
  readonly manifest: Manifest;
  readonly quiet: boolean;
  readonly limit?: number | undefined;
  /** Paths in the helper by the names of transforms. */
  readonly inputs: Readonly<Record<string, string>>;
  readonly outputs: Readonly<Record<string, string>>;
  readonly variables: Readonly<Record<string, string>>;
  /** The certificates in PEM of the files in SSL_CERT_FILE and NODE_EXTRA_CA_CERTS. */
  readonly caBundle?: string | undefined;
  /** What `docker login` left for the registry of the target's image. */
  readonly auths: { readonly entries: readonly RegistryEntry[]; readonly advice: string };
  /** The path on the engine's machine of the helper's volume. */
  readonly volumeSource: string;
};

/** Names of variables that the run may need there; the first three are of `dockerrun run`. */
const passed = [/^GIRDER_(?:API_KEY|TOKEN)$/, /^DOCKERRUN_SECRET_/, /^DOCKERRUN_GIRDER_REDIRECTS$/];
const passedProxies = /^(?:https?|all|no)_proxy$/i;

/** Those of the user's variables that the helper gets: all others stay where they are. Pure. */
export function passedVariables(variables: NodeJS.ProcessEnv): Record<string, string> {
  const isPassed = (name: string) => passedProxies.test(name) || passed.some((one) => one.test(name));
  return Object.fromEntries(
    Object.entries(variables).flatMap(([name, value]) =>
      value !== undefined && isPassed(name) ? [[name, value] as const] : [],
    ),
  );
}

export function writeRequest(request: HelperRequest): string {
  return `${JSON.stringify(request)}\n`;
}

/** In bytes: a manifest of a hundred Secrets of 1 MiB, the most that Kubernetes takes. */
const longestRequest = 128 * 1024 * 1024;

/** What the lines after the request may be. */
export const passedSignals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
export type PassedSignal = (typeof passedSignals)[number];

/**
 * Reads the request, and then passes on a signal for each line. Signals come this way because the kernel drops those that
 * process 1 of a container does not handle yet.
 * @throws Error if the stream ends before the request
 */
export async function readRequest(
  stdin: Readable,
  onSignal: (name: PassedSignal) => void,
): Promise<HelperRequest> {
  const first = Promise.withResolvers<string>();
  readLines(stdin, {
    onLine: (line) => {
      first.resolve(line);
      const name = passedSignals.find((known) => known === line);
      if (name !== undefined) onSignal(name);
    },
    onEnd: (why) => first.reject(new Error(why)),
  });
  const request = parseJson(await first.promise);
  if (!isRecord(request) || !isRecord(request['chosen']) || typeof request['volumeSource'] !== 'string')
    throw new Error('the helper got no request on its standard input');
  return request as HelperRequest;
}

type LineEvents = { readonly onLine: (line: string) => void; readonly onEnd: (why: string) => void };

function readLines(stdin: Readable, { onLine, onEnd }: LineEvents): void {
  let pending: Buffer[] = [];
  let length = 0;
  const ended = () => onEnd('the connection of the command ended before its request');
  stdin.on('end', ended).on('error', ended);
  stdin.on('data', (chunk: Buffer) => {
    let rest = chunk;
    for (let end = rest.indexOf(0x0a); end >= 0; end = rest.indexOf(0x0a)) {
      onLine(Buffer.concat([...pending, rest.subarray(0, end)]).toString('utf8'));
      [pending, length, rest] = [[], 0, rest.subarray(end + 1)];
    }
    pending.push(rest);
    length += rest.length;
    if (length > longestRequest) stdin.destroy(new Error('the request is too long'));
  });
}
