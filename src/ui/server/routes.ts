import type { IncomingMessage, ServerResponse } from 'node:http';
import { stringify } from 'yaml';
import { isRecord, parseJson, textOf } from '../../api/json-values.ts';
import { workerContainerName } from '../../api/names.ts';
import type { Connection } from '../../kube/connection.ts';
import { recordAt } from '../../kube/json.ts';
import { KubeError } from '../../kube/kube-error.ts';
import { paths } from '../../kube/paths.ts';
import { openResponse, requestJson } from '../../kube/request.ts';
import { raceAbort, sleep } from '../../support/abort.ts';
import {
  type ActionRequest,
  actions,
  type KindOfObject,
  type ObjectAnswer,
  type Update,
} from '../ui-messages.ts';
import type { Feed } from './feed.ts';
import { act, pathOf } from './object-actions.ts';

export type Backend = { readonly connection: Connection; readonly feed: Feed; readonly stop: AbortSignal };

export type Call = {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly pathname: string;
  readonly query: URLSearchParams;
  /** Aborts when the page is gone, or the program stops. */
  readonly signal: AbortSignal;
};

type Route = (backend: Backend, call: Call, params: Readonly<Record<string, string>>) => Promise<void>;

/** First match wins. */
const routes: readonly (readonly [method: string, pattern: RegExp, route: Route])[] = [
  ['GET', /^\/api\/updates$/, sendUpdates],
  ['GET', /^\/api\/(?<kind>runs|sets)\/(?<namespace>[a-z0-9-]+)\/(?<name>[a-z0-9.-]+)$/, sendObject],
  ['GET', /^\/api\/log\/(?<namespace>[a-z0-9-]+)\/(?<pod>[a-z0-9.-]+)$/, sendLog],
  ['POST', /^\/api\/actions$/, doAction],
];

/** Answers a request of the page. Rejects with an error whose message is a sentence for the user. */
export async function answer(backend: Backend, call: Call): Promise<void> {
  for (const [method, pattern, route] of routes) {
    const match = pattern.exec(call.pathname);
    if (match !== null && call.request.method === method) return route(backend, call, match.groups ?? {});
  }
  throw new KubeError('the page asked for something that this version does not have: reload it', {
    status: 404,
  });
}

/** Updates in a row are this far apart, in milliseconds: what changes more often is sent once. */
const updateMs = 200;

/** A comment at least this often keeps the connection from being taken for dead. */
const keepAliveMs = 20_000;

async function sendUpdates({ feed }: Backend, { response, signal }: Call): Promise<void> {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  const beat = setInterval(() => {
    if (!response.writableNeedDrain) response.write(': still here\n\n');
  }, keepAliveMs);
  let wake = Promise.withResolvers<void>();
  const reader = feed.open(() => wake.resolve());
  try {
    for (;;) {
      const update: Update | undefined = feed.next(reader);
      if (update !== undefined) await send(response, `data: ${JSON.stringify(update)}\n\n`, signal);
      if (reader.runs.size + reader.sets.size > 0) continue;
      await raceAbort(wake.promise, signal);
      wake = Promise.withResolvers<void>();
      await sleep(updateMs, signal);
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    clearInterval(beat);
    reader.close();
    response.end();
  }
}

/** Waits for a slow reader, so that nothing piles up in memory. */
async function send(response: ServerResponse, text: string | Buffer, signal: AbortSignal): Promise<void> {
  if (response.write(text)) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  response.once('drain', resolve);
  signal.addEventListener('abort', () => resolve(), { once: true });
  await promise;
}

async function sendObject(
  { connection, feed }: Backend,
  call: Call,
  params: Readonly<Record<string, string>>,
) {
  const { kind = '', namespace = '', name = '' } = params;
  const path = pathOf(kind as KindOfObject, namespace, name);
  const object = await requestJson(connection, { method: 'GET', path, signal: call.signal });
  const { managedFields: _, ...metadata } = recordAt(object, 'metadata');
  const shown = { ...(isRecord(object) ? object : {}), metadata };
  const points = kind === 'sets' ? feed.pointsOf(`${namespace}/${name}`) : [];
  sendJson(call.response, { object: shown, yaml: stringify(shown), points } satisfies ObjectAnswer);
}

/** Lines before the present end of the log; older ones are left out. */
const tailLines = '5000';

/** The output of the target, until the pod ends or the page is closed. */
async function sendLog(
  { connection }: Backend,
  call: Call,
  params: Readonly<Record<string, string>>,
): Promise<void> {
  const { namespace = '', pod = '' } = params;
  const query = { container: workerContainerName, follow: 'true', tailLines };
  const path = `${paths.pods(namespace)}/${pod}/log`;
  const { response, signal } = call;
  const log = await openResponse(connection, { method: 'GET', path, query, signal });
  response.writeHead(200, { 'content-type': 'text/plain; charset=utf-8' });
  response.flushHeaders();
  try {
    for await (const chunk of log as AsyncIterable<Buffer>) await send(response, chunk, signal);
  } finally {
    log.destroy();
  }
  response.end();
}

/** Bytes; an action is a few names. */
export const maxBody = 4_096;

async function doAction({ connection }: Backend, { request, response, signal }: Call): Promise<void> {
  const wanted = parseAction(parseJson(await readBody(request)));
  if (wanted === undefined)
    throw new KubeError('this is not an action of the page: reload it', { status: 400 });
  sendJson(response, await act(connection, wanted, signal));
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > maxBody) throw new KubeError(`the request has more than ${maxBody} bytes`, { status: 413 });
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

const objectName = /^[a-z0-9.-]{1,253}$/;

/** Undefined for anything but an action; the names end up in paths of the API server. */
export function parseAction(value: unknown): ActionRequest | undefined {
  if (!isRecord(value)) return undefined;
  const action = actions.find((one) => one === value['action']);
  const kind = (['runs', 'sets'] as const).find((one) => one === value['kind']);
  const [namespace, name, uid] = [textOf(value['namespace']), textOf(value['name']), textOf(value['uid'])];
  if (action === undefined || kind === undefined) return undefined;
  if (namespace === undefined || !objectName.test(namespace)) return undefined;
  if (name === undefined || !objectName.test(name) || uid === undefined) return undefined;
  return { kind, namespace, name, uid, action };
}

function sendJson(response: ServerResponse, value: unknown): void {
  response.writeHead(200, { 'content-type': 'application/json' });
  response.end(JSON.stringify(value));
}
