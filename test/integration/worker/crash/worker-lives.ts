import type { DockerRunSpec } from '../../../../src/api/spec.ts';
import { specOf } from '../../../fixtures/builders.ts';
import { type MadeJob, severalJobs } from '../../../e2e/support/girder-job.ts';
import { girderEnvironment } from '../../girder/real-girder.ts';
import type { ScratchFolder } from '../../girder/scratch-folder.ts';

/** What the runs of all lives read. */
export type Inputs = {
  readonly fileId: string;
  readonly itemId: string;
  readonly folderId: string;
  /** A server that takes streams. */
  readonly receiver: string;
};

const jobsAtOnce = 50;

/** Jobs in Girder, each for one run. */
export class JobStock {
  #jobs: MadeJob[] = [];
  #last: Promise<unknown> = Promise.resolve();

  /** Makes many if none is left; calls may overlap. */
  async take(): Promise<MadeJob> {
    const taken = this.#last.then(async () => {
      if (this.#jobs.length === 0)
        this.#jobs = await severalJobs(Array.from({ length: jobsAtOnce }, () => ({})));
      const job = this.#jobs.pop();
      if (job === undefined) throw new Error('Girder has made no jobs');
      return job;
    });
    this.#last = taken.catch(() => undefined);
    return taken;
  }
}

/** What a target leaves in the claim for the next one. */
export const memory = 'memory';

export type Life = {
  readonly name: string;
  /** What is in `spec` beside the target; `itemId` is the item for the results. */
  readonly parts: (inputs: Inputs, itemId: string, hostDir: string) => Record<string, unknown>;
  /** The target, in a shell: `$1` is its input and `$2` its output, or `$1` its only path. */
  readonly script: string;
  readonly args: readonly string[];
  /** The result in Girder, or undefined if there is none. */
  readonly result: string | undefined;
  readonly hasJob?: boolean;
  /** How it ends when nothing disturbs it. */
  readonly reason?: 'TargetFailed';
  /** Whether a first attempt is killed while its target runs, so that the harm meets the second one. */
  readonly isRetried?: boolean;
};

const claim = { name: 'data', persistentVolumeClaim: { claimName: 'data', containerPath: '/data' } };
const uploadOf = (volumePath: string, itemId: string, more = {}) => [
  { girderUploadVolumePathToItem: { volumePath, itemId }, ...more },
];
/** The first target of a run never ends. */
const untilKilled = `[ -e /data/${memory} ] || { : > /data/${memory}; sleep 3600; }`;
const out = { name: 'out', volumePath: { filename: 'out.txt' } };

export const livesWithDownloads: readonly Life[] = [
  {
    name: 'a file is downloaded',
    parts: ({ fileId }, itemId) => ({
      transforms: [
        { name: 'in', girderFileIdToVolume: { fileId, volume: 'data', filename: 'in/file.txt' } },
        out,
      ],
      girderResultHooks: uploadOf('out', itemId),
    }),
    ...{ script: 'cat "$1" > "$2"', args: ['$(in)', '$(out)'], result: 'one' },
  },
  {
    name: 'an item is downloaded',
    parts: ({ itemId: from }, itemId) => ({
      transforms: [{ name: 'in', girderItemIdToVolume: { itemId: from, volume: 'data' } }, out],
      girderResultHooks: uploadOf('out', itemId),
    }),
    ...{ script: 'cat "$1"/* > "$2"', args: ['$(in)', '$(out)'], result: 'onetwo' },
  },
];

export const livesWithFolders: readonly Life[] = [
  {
    name: 'a folder is downloaded',
    parts: ({ folderId }, itemId) => ({
      transforms: [{ name: 'in', girderFolderIdToVolume: { folderId, volume: 'data' } }, out],
      girderResultHooks: uploadOf('out', itemId),
    }),
    ...{
      script: 'find "$1" -type f | sort | xargs cat > "$2"',
      args: ['$(in)', '$(out)'],
      result: 'onetwoone',
    },
  },
  {
    name: 'a temporary volume is used',
    parts: ({ itemId: from }, itemId) => ({
      volumes: [claim, { name: 'fast', temporary: {} }],
      transforms: [
        { name: 'in', girderItemIdToVolume: { itemId: from, volume: 'fast' } },
        { name: 'out', volumePath: { filename: 'out.txt', volume: 'fast' } },
      ],
      girderResultHooks: uploadOf('out', itemId),
    }),
    ...{ script: 'cat "$1"/* > "$2"', args: ['$(in)', '$(out)'], result: 'onetwo' },
  },
];

export const livesWithLeftovers: readonly Life[] = [
  {
    name: 'a temporary volume in a directory of the node is used',
    parts: ({ itemId: from }, itemId, hostDir) => ({
      volumes: [claim, { name: 'fast', temporary: { hostDir } }],
      transforms: [
        { name: 'in', girderItemIdToVolume: { itemId: from, volume: 'fast' } },
        { name: 'out', volumePath: { filename: 'out.txt', volume: 'fast' } },
      ],
      girderResultHooks: uploadOf('out', itemId),
    }),
    ...{ script: 'cat "$1"/* > "$2"', args: ['$(in)', '$(out)'], result: 'onetwo' },
  },
  {
    name: 'an attempt follows a lost one',
    parts: ({ fileId }, itemId) => ({
      transforms: [{ name: 'in', girderFileIdToVolume: { fileId, volume: 'data' } }, out],
      girderResultHooks: uploadOf('out', itemId),
    }),
    ...{
      script: `${untilKilled}; cat "$1" > "$2"`,
      args: ['$(in)', '$(out)'],
      result: 'one',
      isRetried: true,
    },
  },
];

export const livesWithPipes: readonly Life[] = [
  {
    name: 'a file is read through a named pipe',
    parts: ({ fileId }, itemId) => ({
      transforms: [
        {
          name: 'in',
          connect: {
            input: { girderFileIdToStream: { fileId } },
            output: { namedInputPipe: { name: 'p', volume: 'data' } },
          },
        },
        out,
      ],
      girderResultHooks: uploadOf('out', itemId),
    }),
    ...{ script: 'cat "$1" > "$2"', args: ['$(in)', '$(out)'], result: 'one' },
  },
  {
    name: 'a result is written through a named pipe',
    parts: (_, itemId) => ({
      transforms: [
        {
          name: 'pipe',
          connect: {
            input: { namedOutputPipe: { name: 'p', volume: 'data' } },
            output: { girderStreamToItem: { itemId, filename: 'out.txt' } },
          },
        },
      ],
    }),
    ...{ script: 'echo -n one > "$1"', args: ['$(pipe)'], result: 'one' },
  },
];

export const livesWithStreams: readonly Life[] = [
  {
    name: 'the output is streamed to a server',
    parts: ({ receiver }) => ({
      transforms: [
        {
          name: 'log',
          connect: {
            input: { containerStdOut: {} },
            output: { chunkedTransferEncodingStream: { url: receiver } },
          },
        },
      ],
    }),
    ...{ script: 'echo hello', args: [], result: undefined },
  },
  {
    name: 'the target reports progress',
    parts: () => ({ transforms: [{ name: 'progress', progressPipe: { name: 'p', volume: 'data' } }] }),
    script: `echo '{"message": "half", "current": 1, "total": 2}' > "$1"`,
    ...{ args: ['$(progress)'], result: undefined },
  },
];

export const livesWithReports: readonly Life[] = [
  {
    name: 'a run reports to a job in Girder',
    parts: (_, itemId) => ({ transforms: [out], girderResultHooks: uploadOf('out', itemId) }),
    ...{ script: 'echo hello; echo -n one > "$1"', args: ['$(out)'], result: 'one', hasJob: true },
  },
  {
    name: 'a target fails',
    parts: (_, itemId) => ({
      transforms: [out],
      girderResultHooks: uploadOf('out', itemId, { when: 'OnFailure' }),
    }),
    ...{ script: 'echo -n one > "$1"; exit 3', args: ['$(out)'], result: 'one', reason: 'TargetFailed' },
  },
];

/** The spec of one run, and the secrets of its pods. */
export async function runOf(
  life: Life,
  inputs: Inputs,
  { itemId, hostDir, jobs }: { itemId: string; hostDir: string; jobs: JobStock },
): Promise<{ spec: DockerRunSpec; secrets: Record<string, string>; job: MadeJob | undefined }> {
  const job = life.hasJob === true ? await jobs.take() : undefined;
  const tokenSecretRef = { name: 'job', key: 'token' };
  const { apiUrl } = girderEnvironment();
  const spec = specOf({
    image: 'busybox:local',
    imagePullPolicy: 'Never',
    command: ['sh', '-ec', life.script, 'sh'],
    args: life.args,
    volumes: [claim],
    girder: {
      apiUrl,
      credentialsSecretRef: { name: 'girder' },
      ...(job === undefined ? {} : { job: { id: job.jobId, tokenSecretRef } }),
    },
    backoffLimit: 5,
    startDeadlineSeconds: 600,
    ...life.parts(inputs, itemId, hostDir),
  });
  return { spec, job, secrets: job === undefined ? {} : { 'keys/0/key-0': job.token } };
}

/** Puts what all lives read into Girder. */
export async function makeInputs(scratch: ScratchFolder, receiver: string): Promise<Inputs> {
  const folderId = await scratch.folder('inputs');
  const itemId = await scratch.item(
    'b-two',
    [
      ['1', 'one'],
      ['2', 'two'],
    ],
    folderId,
  );
  const single = await scratch.item('c.txt', [], folderId);
  const fileId = await scratch.file(single, 'c.txt', 'one');
  return { fileId, itemId, folderId, receiver };
}
