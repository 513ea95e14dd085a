import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isRecord } from '../../../src/api/json-values.ts';
import type {
  Outcome,
  TaskMessage,
  TranslationSettings,
} from '../../../src/bridge/translate/message-outcome.ts';
import { translate } from '../../../src/bridge/translate/translation.ts';

const directory = join(import.meta.dirname, 'messages');

export const capturedNames = readdirSync(directory).map((file) => file.replace(/\.json$/, ''));

/** Before the times in the captured messages, in ms since 1970. */
export const captureTime = Date.parse('2026-11-28T17:00:00Z');

export const settings: TranslationSettings = {
  queues: [{ queue: 'celery', namespace: 'lab' }],
  pathMap: [],
  userLabel: false,
};

/** The messages of one captured file, as the broker delivered them. */
export function captured(name: string): TaskMessage[] {
  const value: unknown = JSON.parse(readFileSync(join(directory, `${name}.json`), 'utf8'));
  return (Array.isArray(value) ? (value as unknown[]) : [value]).map(messageOf);
}

function messageOf(value: unknown): TaskMessage {
  const { headers, body, properties } = value as Record<string, Record<string, unknown>>;
  return {
    headers,
    contentType: String(properties?.['content_type']),
    body: Buffer.from(JSON.stringify(body)),
    queue: 'celery',
    priority: Number(properties?.['priority']),
  };
}

export type Fields = Record<string, unknown>;

const transforms = 'girder_worker.docker.transforms';

/** A pickled object of Girder Worker, with the name of its class as it is imported. */
export function pickled(name: string, attributes: Fields = {}): Fields {
  const module = /^(Progress|Girder)/.test(name) ? `${transforms}.girder` : transforms;
  return { 'py/object': name.includes('.') ? name : `${module}.${name}`, ...attributes };
}

export const slicerClass = (name: string) => `slicer_cli_web.girder_worker_plugin.direct_docker_run.${name}`;

export const dataToken = 'dataToken'.padEnd(64, '0');
export const jobToken = 'jobToken'.padEnd(64, '1');

export const client = (token = dataToken, urlBase = 'http://girder.example.org/api/v1/') =>
  pickled('girder_client.GirderClient', { urlBase, token });

export const defaultVolume = () => pickled('_DefaultTemporaryVolume', { host_dir: null, _mode: 511 });

export const volumePath = (filename: string, volume = defaultVolume()) =>
  pickled('VolumePath', { filename, _volume: volume });

export const fileId = 'f11e00000000000000000001';
export const folderId = 'f01de0000000000000000001';

export const inputFile = (filename: string | null, id = fileId) =>
  pickled('GirderFileIdToVolume', {
    gc: client(),
    _file_id: id,
    _filename: filename,
    _volume: defaultVolume(),
  });

export type TaskOptions = {
  readonly args?: readonly unknown[];
  readonly kwargs?: Fields;
  readonly embed?: Fields;
  readonly headers?: Fields;
  readonly task?: string;
};

export const dockerRunTask = 'girder_worker.docker.tasks.docker_run';
export const slicerTask = slicerClass('run');

export function taskMessage({ args = [], kwargs = {}, embed, headers, task }: TaskOptions): TaskMessage {
  const call = { 'py/tuple': [{ 'py/tuple': args }, kwargs, embed ?? { callbacks: null, chain: null }] };
  return {
    headers: {
      task: task ?? dockerRunTask,
      id: '4fde07ed-b3d1-4be0-9b7c-5ff6d183ff58',
      eta: null,
      expires: null,
      timelimit: [null, null],
      girder_api_url: 'http://girder.example.org/api/v1',
      jobInfoSpec: {
        method: 'PUT',
        url: 'http://girder.example.org/api/v1/job/10b000000000000000000001',
        reference: '10b000000000000000000001',
        headers: { 'Girder-Token': jobToken },
      },
      ...headers,
    },
    contentType: 'application/json',
    body: Buffer.from(JSON.stringify(call)),
    queue: 'celery',
    priority: 0,
  };
}

export type RunOutcome = Extract<Outcome, { kind: 'Run' }>;

/** The outcome of a call of docker_run with an image. @throws an error with the sentence if it is refused */
export function runOf(kwargs: Fields, more: Omit<TaskOptions, 'kwargs'> = {}, given = settings): RunOutcome {
  const message = taskMessage({ ...more, kwargs: { image: 'busybox:1', ...kwargs } });
  const outcome = translate(message, given, captureTime);
  if (outcome.kind === 'Run') return outcome;
  throw new Error(outcome.kind === 'Refused' ? outcome.message : outcome.kind);
}

export function specOf(kwargs: Fields, more: Omit<TaskOptions, 'kwargs'> = {}, given = settings): Fields {
  const { spec } = runOf(kwargs, more, given).run;
  return { ...spec };
}

/** The sentence by which a call of docker_run is refused. */
export function refusalOf(kwargs: Fields, more: Omit<TaskOptions, 'kwargs'> = {}, given = settings): string {
  const message = taskMessage({ ...more, kwargs: { image: 'busybox:1', ...kwargs } });
  const outcome = translate(message, given, captureTime);
  return outcome.kind === 'Refused' ? outcome.message : `not refused, but ${outcome.kind}`;
}

/** Every text in a message that is a token by the name of its field. */
export function tokensOf(value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap(tokensOf);
  if (!isRecord(value)) return [];
  return Object.entries(value).flatMap(([name, field]) =>
    typeof field === 'string' && /token$/i.test(name) ? [field] : tokensOf(field),
  );
}
