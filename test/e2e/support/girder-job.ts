import { join } from 'node:path';
import { girderVenv } from '../../cluster/install/girder-venv.ts';
import { layout } from '../../cluster/layout.ts';
import { endpoints } from '../../cluster/network.ts';
import { girder } from './girder.ts';
import { succeed } from './shell.ts';

/** The fields of a new job; `status` is its initial state, `user` the login of its owner. */
export type WantedJob = {
  readonly title?: string;
  readonly handler?: 'celery_handler' | 'worker_handler';
  readonly celeryTaskId?: string;
  readonly status?: number;
  readonly user?: string;
};

/** A job and a token that is valid only for this job. */
export type MadeJob = { readonly jobId: string; readonly token: string };

/** Creates a job without the REST API of Girder: no API key can have the scope that POST /job requires. */
export async function aJob(wanted: WantedJob = {}): Promise<MadeJob> {
  const [made] = await severalJobs([wanted]);
  if (made === undefined) throw new Error('Girder has made no job');
  return made;
}

/** On a machine whose disk is busy. */
const secondsPerJob = 10;

/** Creates them with one process, whose start takes most of the time of a job. */
export async function severalJobs(wanted: readonly WantedJob[]): Promise<MadeJob[]> {
  const { host, port } = endpoints.mongo;
  const database = `GIRDER_MONGO_URI=mongodb://${host}:${port}/girder`;
  const script = join(layout.recipes, 'girder', 'make-job.py');
  const command = [database, join(girderVenv(), 'bin', 'python'), script];
  const options = { input: JSON.stringify(wanted), seconds: 60 + secondsPerJob * wanted.length };
  const made = JSON.parse(await succeed('env', command, options)) as MadeJob[];
  return made.map(({ jobId, token }) => ({ jobId, token }));
}

/** A job as Girder returns it. */
export type StoredJob = {
  readonly status: number;
  readonly timestamps: readonly { readonly status: number }[];
  readonly log?: readonly string[];
  readonly progress: { readonly message: string; readonly current: number; readonly total: number } | null;
};

export function storedJob(jobId: string): Promise<StoredJob> {
  return girder<StoredJob>('GET', `job/${jobId}`);
}

export async function logOf(jobId: string): Promise<string> {
  return ((await storedJob(jobId)).log ?? []).join('');
}

/** The states the job went through, in order. */
export async function statesOf(jobId: string): Promise<number[]> {
  return (await storedJob(jobId)).timestamps.map(({ status }) => status);
}

/** Changes the job with its own token, as a worker does. */
export async function putJob({ jobId, token }: MadeJob, form: Record<string, string>): Promise<void> {
  const url = `${process.env['GIRDER_API_URL']}/job/${jobId}?${new URLSearchParams(form).toString()}`;
  const response = await fetch(url, { method: 'PUT', headers: { 'Girder-Token': token } });
  if (!response.ok) throw new Error(`PUT of the job ${jobId}: ${await response.text()}`);
}

/** Cancels the job as the admin, as the button in Girder does. */
export function cancelJob(jobId: string): Promise<StoredJob> {
  return girder<StoredJob>('PUT', `job/${jobId}/cancel`);
}
