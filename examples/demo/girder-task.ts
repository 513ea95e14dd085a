import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { deadline, sleep } from '../../src/support/abort.ts';
import { printLine } from '../../test/cluster/progress.ts';
import { ensureCollection, ensureFolder, filesOfItem, itemsOfFolder } from './girder-places.ts';
import { type GirderSession, request } from './girder-session.ts';
import type { Sample } from './sample.ts';

/** The segmentation as people start it on Girder's pages: by its plugin slicer_cli_web, for which the bridge runs it. */

const description = join(import.meta.dirname, 'segment-cli.xml');
const resultsName = 'Coins found from Girder';
const results = { picture: 'coins-found.png', table: 'coins-found.csv' } as const;
const taskMs = 300_000;
const pollMs = 500;
const lastLines = 6;

/** The states that a Girder job does not leave. */
const ends: ReadonlyMap<number, string> = new Map([
  [3, 'SUCCESS'],
  [4, 'ERROR'],
  [5, 'CANCELED'],
]);

const identified = Type.Object({ _id: Type.String() });
const storedJob = Type.Object({
  status: Type.Integer(),
  log: Type.Optional(Type.Array(Type.String())),
  progress: Type.Optional(Type.Union([Type.Null(), Type.Object({ message: Type.Optional(Type.String()) })])),
});
type StoredJob = Type.Static<typeof storedJob>;

/** A job of Girder that has succeeded. */
export type FinishedTask = {
  readonly jobId: string;
  /** The last lines of its log. */
  readonly lines: readonly string[];
  /** Names of the files that it uploaded. */
  readonly files: readonly string[];
  readonly folderId: string;
};

/** Registers the image as a CLI, starts it over the photograph, and waits for its job; rejects unless it succeeds. */
export async function startFromGirder(
  session: GirderSession,
  { image, sample }: { image: string; sample: Sample },
  signal: AbortSignal,
): Promise<FinishedTask> {
  const collectionId = await ensureCollection(session, 'DockerRun demo', signal);
  const folderId = await ensureFolder(session, { collectionId, name: resultsName }, signal);
  for (const { _id } of await itemsOfFolder(session, folderId, signal))
    await request(session, { method: 'DELETE', path: `/item/${_id}` }, signal);
  const cli = await registerCli(session, { collectionId, image }, signal);
  const parameters = {
    photo: sample.fileId,
    ...{ picture: results.picture, picture_folder: folderId },
    ...{ table: results.table, table_folder: folderId },
  };
  const jobId = await post(session, `/slicer_cli_web/cli/${cli}/run`, parameters, signal);
  printLine(`started in Girder: its job is ${jobId}`);
  const { status, log = [] } = await ended(session, jobId, deadline(taskMs, signal));
  const text = log.join('');
  const lines = text.trimEnd().split('\n').slice(-lastLines);
  if (status !== 3) throw new Error(`the job ${jobId} ended as ${ends.get(status)}:\n${lines.join('\n')}`);
  const files = await filesIn(session, folderId, signal);
  const missing = Object.values(results).find((name) => !files.includes(name));
  if (missing !== undefined) throw new Error(`the job ${jobId} succeeded without the result ${missing}`);
  return { jobId, lines, files, folderId };
}

async function registerCli(
  session: GirderSession,
  { collectionId, image }: { collectionId: string; image: string },
  signal: AbortSignal,
): Promise<string> {
  const folder = await ensureFolder(session, { collectionId, name: 'CLIs' }, signal);
  const spec = readFileSync(description).toString('base64');
  const cli = { folder, image, name: 'Segment', replace: 'true', desc_type: 'xml', spec };
  return post(session, '/slicer_cli_web/cli', cli, signal);
}

async function post(
  session: GirderSession,
  path: string,
  query: Record<string, string>,
  signal: AbortSignal,
): Promise<string> {
  const answer: unknown = await (await request(session, { method: 'POST', path, query }, signal)).json();
  if (!Value.Check(identified, answer))
    throw new Error(`Girder's answer to ${path} has no _id: is its plugin slicer_cli_web loaded?`);
  return answer._id;
}

/** Prints each message of the progress until the job has ended. */
async function ended(session: GirderSession, jobId: string, signal: AbortSignal): Promise<StoredJob> {
  let shown = '';
  for (;;) {
    const answer = await request(session, { method: 'GET', path: `/job/${jobId}` }, signal);
    const job: unknown = await answer.json();
    if (!Value.Check(storedJob, job)) throw new Error(`Girder's answer about the job ${jobId} is not a job`);
    const message = job.progress?.message ?? '';
    if (message !== shown) printLine(`  job: ${message}`);
    shown = message;
    if (ends.has(job.status)) return job;
    await sleep(pollMs, signal);
  }
}

async function filesIn(session: GirderSession, folderId: string, signal: AbortSignal): Promise<string[]> {
  const items = await itemsOfFolder(session, folderId, signal);
  const files = await Promise.all(items.map(({ _id }) => filesOfItem(session, _id, signal)));
  return files.flat().map(({ name }) => name);
}
