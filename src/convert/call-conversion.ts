import { apiUrlProblem } from '../api/fields.ts';
import { apiVersion, kind } from '../api/names.ts';
import { dockerRunSpec } from '../api/spec.ts';
import { checkSpec, specOfCall } from '../calls/call-spec.ts';
import { type ContainerCall, containerCall, type ContainerTask } from '../calls/container-call.ts';
import { ManifestSource } from '../calls/manifest-source.ts';
import { isTruthy, itemsOf, type PyKey, type PyValue } from '../calls/python-value.ts';
import { Refusal } from '../calls/refusal.ts';
import { RunParts } from '../calls/run-parts.ts';
import { knownItems, settledCall } from './call-settling.ts';
import type { ConversionNotes } from './conversion-notes.ts';
import { unknownOf } from './unknown-value.ts';

/** What a program does not say of its runs. */
export type ConversionSettings = {
  /** The address of Girder's REST API. */
  readonly girderApiUrl: string | undefined;
  /** The Secret with the credentials for Girder. */
  readonly girderSecret: string;
};

/** A call of docker_run: the arguments of the task, and those of `apply_async` that are about its publication. */
export type PublishedCall = {
  readonly line: number;
  readonly task: ContainerTask;
  readonly args: readonly PyValue[];
  readonly keywords: readonly (readonly [string | PyKey, PyValue])[];
  readonly options: ReadonlyMap<string, PyValue>;
};

export type ConvertedRun = {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly spec: Readonly<Record<string, unknown>>;
};

/** Where an address is missing: the domain of examples. */
const missingApiUrl = 'https://girder.example.org/api/v1';

/** The DockerRun of a call. @throws Refusal if there is none */
export function convertedRun(
  published: PublishedCall,
  nameOf: (image: string) => string,
  settings: ConversionSettings,
  notes: ConversionNotes,
): ConvertedRun {
  const { line, task } = published;
  const { call: given, options } = ownOptions(published);
  const call = settledCall(given, notes);
  const image = call.get('image');
  const name = nameOf(typeof image === 'string' ? image : '');
  const apiUrl = apiUrlOf(options, settings);
  const source = new ManifestSource({
    girder: { apiUrl: apiUrl ?? missingApiUrl, credentials: settings.girderSecret },
    headerSecret: name,
  });
  const hooks = hooksOf(options, notes);
  const parts = new RunParts(source);
  const ofCall = specOfCall(call, { task, hooks }, parts);
  const girder = { apiUrl: apiUrl ?? missingApiUrl, credentialsSecretRef: { name: settings.girderSecret } };
  const spec = inOrder({
    ...ofCall,
    ...(source.usesGirder ? { girder } : {}),
    ...deadlinesOf(options),
  });
  checkSpec(spec);
  for (const note of parts.notes) notes.add(line, note.replace(/\.$/, ''));
  if (call.get('pull_image') === 'if-not-present' && !task.knowsIfNotPresent)
    notes.add(
      line,
      "docker_run takes pull_image='if-not-present' for True; for the other set imagePullPolicy: IfNotPresent",
    );
  if (source.usesGirder) noteGirder(line, { apiUrl, settings }, notes);
  noteHeaders(line, name, source, notes);
  noteOptions(line, options, notes);
  return { apiVersion, kind, metadata: { name }, spec };
}

type Options = ReadonlyMap<string, PyValue>;

/** Keywords of `delay` that Girder Worker takes out of the call are options as those of `apply_async`. */
function ownOptions({ args, keywords, options }: PublishedCall): {
  readonly call: ContainerCall;
  readonly options: Options;
} {
  const isOption = (name: string | PyKey) =>
    typeof name === 'string' && (name.startsWith('girder_') || options.has(name));
  const own = keywords
    .filter(([name]) => isOption(name))
    .map(([name, value]): [string, PyValue] => [typeof name === 'string' ? name : name.text, value]);
  return {
    call: containerCall(
      args,
      keywords.filter(([name]) => !isOption(name)),
    ),
    options: new Map([...own, ...options]),
  };
}

function hooksOf(options: Options, notes: ConversionNotes): PyValue[] {
  const value = options.get('girder_result_hooks');
  const unknown = unknownOf(value);
  if (unknown !== undefined) notes.leaveOut('girder_result_hooks', unknown);
  if (value === undefined || value === null || unknown !== undefined) return [];
  const items = itemsOf(value);
  if (items === undefined) throw new Refusal('girder_result_hooks is not a list');
  return knownItems('girder_result_hooks', items, notes);
}

function apiUrlOf(options: Options, { girderApiUrl }: ConversionSettings): string | undefined {
  const given = options.get('girder_api_url');
  const url = girderApiUrl ?? (typeof given === 'string' ? given : undefined);
  if (url === undefined) return undefined;
  const problem = apiUrlProblem(url);
  if (problem !== undefined) throw new Refusal(`the address of Girder ${problem}`);
  return url.replace(/(?<!\/)\/+$/, '');
}

function noteGirder(
  line: number,
  { apiUrl, settings }: { readonly apiUrl: string | undefined; readonly settings: ConversionSettings },
  notes: ConversionNotes,
): void {
  notes.add(
    line,
    `the run reads and writes Girder with the key apiKey or token of the Secret ${settings.girderSecret}; create it in the namespace of the run`,
  );
  if (apiUrl !== undefined) return;
  notes.isIncomplete = true;
  notes.add(
    line,
    `the address of Girder is not in the call: the manifest has ${missingApiUrl} in its place; replace it, or convert with --girder-api-url`,
  );
}

/** Their values are not printed: they are often secret. */
function noteHeaders(
  line: number,
  name: string,
  { headerKeys }: ManifestSource,
  notes: ConversionNotes,
): void {
  if (headerKeys.length === 0) return;
  const literals = headerKeys.map((key) => `--from-literal=${key}=…`).join(' ');
  notes.add(
    line,
    `the headers of a stream are often secret, so they are in a Secret; create it: kubectl create secret generic ${name} ${literals}`,
  );
}

/** In seconds: the most that the schema takes. */
const longestDeadline = 31_536_000;

/** `time_limit` and, where it is a number of seconds, `expires`. */
function deadlinesOf(options: Options): { activeDeadlineSeconds?: number; startDeadlineSeconds?: number } {
  const limit = secondsOf(options.get('time_limit')) ?? secondsOf(options.get('soft_time_limit'));
  const expires = secondsOf(options.get('expires'));
  return {
    ...(limit === undefined ? {} : { activeDeadlineSeconds: limit }),
    ...(expires === undefined ? {} : { startDeadlineSeconds: expires }),
  };
}

function secondsOf(value: PyValue | undefined): number | undefined {
  const seconds = typeof value === 'bigint' || typeof value === 'number' ? Math.ceil(Number(value)) : 0;
  return seconds > 0 ? Math.min(seconds, longestDeadline) : undefined;
}

/** What to do about an option that has no field; null where nothing is lost. */
const elsewhere: Readonly<Record<string, string | null>> = {
  girder_result_hooks: null,
  girder_api_url: null,
  girder_client_token: 'its token belongs into the Secret of girder.credentialsSecretRef',
  girder_client_session_kwargs:
    'certificates are always checked; an administrator can add one to worker.caBundle',
  girder_user: 'the key in the Secret of girder.credentialsSecretRef says who the run is',
  girder_job_title: 'make a job in Girder with this title and name it in girder.job',
  girder_job_type: 'make a job in Girder of this type and name it in girder.job',
  girder_job_public: 'make a job in Girder and name it in girder.job',
  girder_job_handler: 'make a job in Girder and name it in girder.job',
  girder_job_other_fields: 'make a job in Girder with these fields and name it in girder.job',
  girder_job_disable: null,
  time_limit: null,
  soft_time_limit: null,
  expires: null,
  queue: 'use nodeSelector, priorityClassName or a queue of Kueue',
  priority: 'use priorityClassName',
  countdown: 'a run starts when it is applied; use a CronJob or suspend: true',
  eta: 'a run starts when it is applied; use a CronJob or suspend: true',
  retry: null,
  retry_policy: null,
  serializer: null,
  task_id: 'metadata.name is the name of the run',
  link: 'apply the next run when this one has ended (kubectl wait)',
  link_error: 'apply the next run when this one has ended (kubectl wait)',
};

function noteOptions(line: number, options: Options, notes: ConversionNotes): void {
  for (const [name, value] of options) {
    const advice = Object.hasOwn(elsewhere, name) ? elsewhere[name] : 'a manifest has no field for it';
    const isLost = typeof advice === 'string' || isUnknownTime(name, value);
    if (isLost && (isTruthy(value) || unknownOf(value) !== undefined))
      notes.add(line, `${name} is not in the manifest: ${advice ?? 'set the deadline by hand'}`);
  }
}

/** A time that is not a number of seconds. */
function isUnknownTime(name: string, value: PyValue): boolean {
  return (
    ['time_limit', 'soft_time_limit', 'expires'].includes(name) &&
    value !== null &&
    secondsOf(value) === undefined
  );
}

/** The fields in the order of the schema, which is that of the pages. */
function inOrder(spec: Record<string, unknown>): Record<string, unknown> {
  const fields = Object.keys(dockerRunSpec.properties).filter((field) => spec[field] !== undefined);
  return Object.fromEntries(fields.map((field) => [field, spec[field]]));
}
