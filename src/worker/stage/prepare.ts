import { ensureImage } from '../../docker/pull/ensure-image.ts';
import type { RegistryAuths } from '../../docker/pull/registry-auths.ts';
import { type GirderReference, type GirderUse, girderUsesOf } from '../../api/spec-usage.ts';
import { type DockerRunSpec, specDefaults } from '../../api/spec.ts';
import type { GirderClient } from '../../girder/client.ts';
import { parseAccess, type ResourceKind, type TokenState } from '../../girder/documents.ts';
import {
  countNamesakes,
  type FoundPlace,
  type FoundPlaces,
  namesOfPath,
  nearestResource,
  pathOfNames,
  resourceAt,
} from '../../girder/lookup.ts';
import { openGirder } from '../../girder/open-girder.ts';
import { checkAbsent, checkWriteAccess } from '../../girder/upload/destination.ts';
import { RunError } from '../../support/errors.ts';
import { doConcurrently } from '../../support/task-group.ts';
import { traced } from '../../support/trace/trace.ts';
import type { OpenedRun, RunContext } from '../context.ts';
import { pullPolicy } from '../target-options.ts';
import {
  downloadAdvice,
  eitherAdvice,
  type IdUse,
  inContext,
  streamAdvice,
  withArticle,
  wrongIdHint,
} from './hints.ts';
import { type StagedIn, stageIn } from './stage-in.ts';

/** All that is there before the target is created; `imageId` is the image that was pulled or found. */
export type Prepared = StagedIn & { readonly imageId: string };

/** Pulls and downloads concurrently; the first failure stops the other. */
export async function prepare(context: RunContext, girder: GirderClient | undefined): Promise<Prepared> {
  const { report } = context;
  // Shown while there is no pull or download.
  report.doing = 'Checking the image';
  const failed = new AbortController();
  const together = { ...context, signal: AbortSignal.any([context.signal, failed.signal]) };
  const stopOthers = (error: unknown): never => {
    failed.abort(error);
    report.doing = 'Cleaning up';
    throw error;
  };
  const pull = pullImage(together).catch(stopOthers);
  const download: Promise<StagedIn> =
    girder === undefined
      ? Promise.resolve({ paths: new Map(), files: new Map() })
      : stageIn(together, girder).catch(stopOthers);
  await Promise.allSettled([pull, download]);
  context.signal.throwIfAborted();
  failed.signal.throwIfAborted();
  return { ...(await download), imageId: await pull };
}

async function pullImage(context: RunContext): Promise<string> {
  const { environment, report } = context;
  const { image } = environment.spec;
  const policy = pullPolicy(environment.spec);
  using pull = policy === 'Never' ? undefined : report.beginPull(image);
  const pulled = (auths: RegistryAuths) =>
    context.preparation.engineWait.narrowedTo(context.signal).until(() =>
      ensureImage(context, {
        image,
        policy,
        auths,
        onProgress: (bytes, total, message) => pull?.moved(message, bytes, total),
      }),
    );
  return await traced('pull image', { 'container.image.name': image }, async () =>
    pulled(await environment.registryAuths()),
  );
}

/** Undefined for a run that transfers nothing: it must not depend on Girder. */
export async function connectGirder({
  environment,
  report,
  signal,
  log,
}: OpenedRun): Promise<GirderClient | undefined> {
  const { spec, girderCredentials: credentials, girderRenewalMs: renewalMs } = environment;
  const { girderRedirects: redirects } = environment;
  const uses = girderUsesOf(spec);
  const isForEach = spec.forEach !== undefined;
  if (spec.girder?.credentialsSecretRef === undefined || (uses.length === 0 && !isForEach)) return undefined;
  report.doing = 'Connecting to Girder';
  // A document must be read before anything is written to it.
  const access = [...uses.map((use) => use.access), ...(isForEach ? (['write'] as const) : [])];
  const needs = new Set(['read' as const, ...access]);
  const { apiUrl } = spec.girder;
  const onToken = ({ expires }: TokenState) => {
    if (expires === undefined) return;
    const { notice, failure } = tokenEnd(spec, expires, Date.now());
    if (failure !== undefined) throw new RunError('GirderUnauthorized', failure);
    if (notice !== undefined) log.warn({ expires: new Date(expires).toISOString() }, notice);
    report.notice = notice;
  };
  const onWait = (why: string | undefined) => {
    report.girderProblem = why;
  };
  const patienceMs = Math.max(leastPatienceMs, spec.startDeadlineSeconds * 1000);
  const options = { apiUrl, credentials, needs: [...needs], renewalMs, redirects, patienceMs, onWait };
  return openGirder({ ...options, onToken, signal, log });
}

/** In milliseconds: a run that must start at once is still not to lose its results to a restart of Girder. */
const leastPatienceMs = 90_000;

type TokenEnd = { readonly notice?: string; readonly failure?: string };

type Deadlines = Pick<DockerRunSpec, 'activeDeadlineSeconds' | 'uploadDeadlineSeconds'>;

/**
 * What it means for a run that its token ends, both in milliseconds since 1970: a failure before deadlines that the
 * run sets itself, a notice before a default deadline or if nothing bounds the run.
 */
export function tokenEnd(spec: Deadlines, expires: number, now: number): TokenEnd {
  const { activeDeadlineSeconds: active, uploadDeadlineSeconds: upload } = spec;
  // The default of a deadline is no statement about this run.
  const isSet = upload !== undefined && upload !== specDefaults.uploadDeadlineSeconds;
  const needed = active === undefined ? undefined : now + (active + (isSet ? upload : 0)) * 1000;
  const end = `the token of the run ends at ${timeText(expires)}`;
  if (needed !== undefined && expires < needed) {
    const deadlines = isSet ? 'activeDeadlineSeconds and uploadDeadlineSeconds' : 'activeDeadlineSeconds';
    const text = `${end}, but ${deadlines} let the run need it until ${timeText(needed)}`;
    return { failure: `${text}; use an API key, a token that lasts longer, or shorter deadlines` };
  }
  const mayNeed = needed === undefined ? Number.POSITIVE_INFINITY : needed + (isSet ? 0 : defaultUploadMs);
  return expires < mayNeed ? { notice: `${end}; a run that needs longer loses its results` } : {};
}

const defaultUploadMs = specDefaults.uploadDeadlineSeconds * 1000;

const timeText = (time: number) => new Date(time).toISOString().replace(/\.\d+/, '');

const concurrentChecks = 4;

/**
 * Looks up all that the run reads and writes in Girder, so that a mistyped id or path, or access that is missing,
 * fails the run in seconds and not after the target has computed. Returns what the paths lead to.
 * @throws RunError which names every such mistake of the spec
 */
export async function checkPlaces(
  { environment, report, log, signal }: Pick<OpenedRun, 'environment' | 'report' | 'log' | 'signal'>,
  client: GirderClient,
  uses: readonly GirderUse[] = girderUsesOf(environment.spec),
): Promise<FoundPlaces> {
  report.doing = 'Checking inputs and destinations in Girder';
  const found = new Map<string, FoundPlace>();
  const mistakes = new Map<number, RunError>();
  const checks = placesOf(uses).map((use, index) => async (stop: AbortSignal) => {
    const { to, isOptional } = use;
    const place = await findPlace(client, use, stop).catch((error: unknown) => mistakeIn(error, use));
    if ('path' in to) found.set(to.path, place);
    if (!('problem' in place)) return;
    if (!isOptional) mistakes.set(index, place.problem);
    else log.warn({ error: place.problem.message }, 'the destination of an optional hook is not usable');
  });
  await traced('check destinations', {}, () => doConcurrently(checks, { limit: concurrentChecks, signal }));
  const inOrder = [...mistakes].toSorted(([a], [b]) => a - b).map(([, mistake]) => mistake);
  const all = allOf(inOrder);
  if (all !== undefined) throw all;
  const absences = uses.map(
    (use) => (stop: AbortSignal) => checkFreeName(client, use, { found, signal: stop }),
  );
  await doConcurrently(absences, { limit: concurrentChecks, signal });
  return found;
}

/** @throws RunError FileExists for a result with `ifExists: Fail` whose name is taken */
async function checkFreeName(
  client: GirderClient,
  { kind, to, where, freeName: name }: GirderUse,
  { found, signal }: { found: FoundPlaces; signal: AbortSignal },
): Promise<void> {
  if (name === undefined || kind === 'file') return;
  const place = 'id' in to ? to : found.get(to.path);
  // A folder that will be created is empty, and the place of an optional hook may not exist.
  if (place === undefined || !('id' in place)) return;
  await checkAbsent(client, { kind, id: place.id, name }, signal).catch((error: unknown) => {
    // The check of the places explains one that cannot be used.
    if (error instanceof RunError && error.reason === 'FileExists') throw inContext(error, where);
  });
}

/** What the run itself got wrong; any other error ends the checks. */
function mistakeIn(error: unknown, { where }: GirderUse): { readonly problem: RunError } {
  const explained = inContext(error, where);
  const isMistake =
    explained instanceof RunError && ['GirderNotFound', 'GirderForbidden'].includes(explained.reason);
  if (!isMistake) throw explained;
  return { problem: explained };
}

/** A message names at most this many and counts the others. */
const maxListed = 8;

/** One error for all of them, with the reason of the first. */
function allOf(mistakes: readonly RunError[]): RunError | undefined {
  const [first] = mistakes;
  if (first === undefined || mistakes.length === 1) return first;
  const more = mistakes.length - maxListed;
  const listed = mistakes.slice(0, maxListed).map(({ message }) => message);
  const all = [...listed, ...(more > 0 ? [`and ${more} more`] : [])].join('; ');
  const text = `${mistakes.length} inputs or destinations in Girder cannot be used: ${all}`;
  return new RunError(first.reason, text, { cause: first });
}

/** Each document once for each access; it is optional only if every use of it is. */
function placesOf(uses: readonly GirderUse[]): GirderUse[] {
  const places = new Map<string, GirderUse>();
  for (const use of uses) {
    const key = JSON.stringify([use.kind, use.access, 'id' in use.to ? use.to.id : use.to.path]);
    const other = places.get(key);
    places.set(key, other === undefined ? use : merged(other, use));
  }
  return [...places.values()];
}

function merged(first: GirderUse, second: GirderUse): GirderUse {
  const isCreated = [first, second].find(({ to }) => 'path' in to && to.mayBeCreated) ?? first;
  const needed = first.isOptional && !second.isOptional ? second : first;
  const orKind = first.orKind === second.orKind ? first.orKind : undefined;
  return { ...needed, orKind, to: isCreated.to };
}

async function findPlace(client: GirderClient, use: GirderUse, signal: AbortSignal): Promise<FoundPlace> {
  const { kind, to, access } = use;
  if ('path' in to) return findPath(client, { ...use, to }, signal);
  const subject = `${kind} ${to.id}`;
  const route = [kind, to.id];
  try {
    const document = await client.json({ method: 'GET', route, subject, signal, parse: parseAccess });
    if (access === 'write') await checkWriteAccess(client, document, subject, signal);
    return to;
  } catch (error) {
    throw await wrongIdHint(client, error, { kind, id: to.id, advice: adviceFor(use) }, signal);
  }
}

type PathUse = GirderUse & { readonly to: Extract<GirderReference, { path: string }> };

async function findPath(client: GirderClient, use: PathUse, signal: AbortSignal): Promise<FoundPlace> {
  const { kind, to, access } = use;
  const names = namesOfPath(to.path);
  const resource = await resourceAt(client, names, signal);
  if (resource === undefined) return findParent(client, use, names, signal);
  if (resource.kind !== kind && resource.kind !== use.orKind)
    throw new RunError('GirderNotFound', otherKindText(use, resource.kind));
  if ((await countNamesakes(client, resource, signal)) > 1) {
    const text = `${to.path} in Girder ${client.apiUrl} is the path of more than one ${kind}; use the id of one of them`;
    throw new RunError('GirderNotFound', text);
  }
  if (access === 'write') await checkWriteAccess(client, resource, `${kind} ${to.path}`, signal);
  // Another use of the path may take either kind.
  return { id: resource._id, kind: resource.kind };
}

function otherKindText(use: PathUse, actual: ResourceKind): string {
  const { kind, to } = use;
  const advice = actual === 'user' || actual === 'collection' ? undefined : adviceFor(use)[actual];
  const so = advice === undefined ? '' : `, so ${advice.replace('the id of', 'the path of')}`;
  return `${to.path} is the path of ${withArticle(actual)}, not of ${withArticle(kind)}${so}`;
}

/** For a path that leads to nothing: the folders to create, if the spec allows that. */
async function findParent(
  client: GirderClient,
  { kind, to }: PathUse,
  names: readonly string[],
  signal: AbortSignal,
): Promise<FoundPlace> {
  const nearest = await nearestResource(client, names, signal);
  const missing = `there is no ${kind} ${to.path} in Girder ${client.apiUrl} that the run may read`;
  if (nearest === undefined) {
    const text = `${missing}: the ${names[0]} ${JSON.stringify(names[1])} does not exist, or the run has no access to it`;
    throw new RunError('GirderNotFound', text);
  }
  const { resource, length } = nearest;
  const parent = pathOfNames(names.slice(0, length));
  if (!to.mayBeCreated) {
    const next = JSON.stringify(names[length]);
    throw new RunError('GirderNotFound', `${missing}: it ends at ${parent}, which has no ${next}`);
  }
  if (resource.kind === 'item' || resource.kind === 'file') {
    const text = `${missing}: it cannot be created in ${parent}, which is ${withArticle(resource.kind)}`;
    throw new RunError('GirderNotFound', text);
  }
  const subject = `${parent}, in which the folder ${to.path} must be created,`;
  await checkWriteAccess(client, resource, subject, signal);
  return { newFolder: { parent: { kind: resource.kind, id: resource._id }, names: names.slice(length) } };
}

const outputAdvice = { file: 'use the id of its item', folder: 'use the id of an item in it' } as const;

const hookAdvice = {
  file: 'use the id of its item',
  item: 'use girderUploadVolumePathToItem',
  folder: 'use girderUploadVolumePathToFolder',
} as const;

/** What to use in place of an id or path that is of another kind. */
function adviceFor({ access, as }: GirderUse): IdUse['advice'] {
  if (as === 'log' || as === 'metadata') return eitherAdvice;
  if (access === 'read') return as === 'stream' ? streamAdvice : downloadAdvice;
  return as === 'stream' ? outputAdvice : hookAdvice;
}
