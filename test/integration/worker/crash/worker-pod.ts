import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  globSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { randomUUID } from 'node:crypto';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import {
  temporaryDirectoryName,
  temporaryDirectoryOf,
  workerContainerName,
} from '../../../../src/api/names.ts';
import { type Report, parseReport } from '../../../../src/api/report.ts';
import {
  podVolume,
  type RunPlan,
  temporaryPodVolume,
  workerEnvironment,
  workerPaths,
} from '../../../../src/api/run-plan.ts';
import type { DockerRunSpec } from '../../../../src/api/spec.ts';
import { engineSocket } from '../../docker/engine-under-test.ts';
import { girderEnvironment } from '../../girder/real-girder.ts';
import type { Harm } from './crash-step.ts';

/** The parent of the pods' cgroups: below the kubelet's own, it would remove them. */
const cgroupRoot = `/dockerrun-crash-${process.pid}`;
/** Where the paths of a worker's container begin. */
const podRoot = dirname(workerPaths.dockerSocket);
const devices = ['null', 'random', 'urandom', 'zero'];
const terminationLog = '/dev/termination-log';
const longestMs = 120_000;
const hostDirectory = 'host';

/** The worker's program. */
export type Program = {
  readonly file: string;
  /** What is preloaded into it, compiled. */
  readonly preload: string;
  /** The directory of Node's compile cache, which makes most of the start. */
  readonly cache: string;
};

export type Step = {
  readonly at: number;
  readonly harm: Harm;
  readonly trace?: string;
  readonly mark?: string;
};

/** How a worker ended; `code` is null if it was killed. */
export type WorkerEnd = {
  readonly code: number | null;
  readonly report: Report | undefined;
  readonly output: string;
};

/**
 * A run on a node with the real Docker Engine, without Kubernetes: each attempt is the real program in a
 * mount namespace with the paths of a pod. The claim `data` is handed from pod to pod.
 */
export class NodeOfOneRun {
  readonly #root: string;
  readonly #program: Program;
  readonly #spec: DockerRunSpec;
  readonly #secrets: Readonly<Record<string, string>>;
  readonly uid = randomUUID();
  #pods = 0;
  #pod = '';

  /** `secrets` has the files below the directory of the pod's secrets. */
  constructor(
    { root, program }: { readonly root: string; readonly program: Program },
    spec: DockerRunSpec,
    secrets: Readonly<Record<string, string>>,
  ) {
    this.#root = root;
    this.#program = program;
    this.#spec = spec;
    this.#secrets = { 'girder/apiKey': girderEnvironment().apiKey, ...secrets };
    for (const directory of ['claim', hostDirectory]) mkdirSync(join(root, directory), { recursive: true });
  }

  /** The directory of the node for temporary volumes with a `hostDir`, as the policy allows it. */
  static hostDir(root: string): string {
    return join(root, hostDirectory);
  }

  /** The temporary volumes that are in that directory. */
  get temporaryVolumes(): string[] {
    const directory = join(NodeOfOneRun.hostDir(this.#root), temporaryDirectoryName);
    return existsSync(directory) ? readdirSync(directory) : [];
  }

  /** The directory of the claim, wherever it is mounted at the moment. */
  get claim(): string {
    return this.#pod === ''
      ? join(this.#root, 'claim')
      : join(this.#volumes, 'kubernetes.io~local-volume', 'data');
  }

  /** The attempts so far. */
  get pods(): number {
    return this.#pods;
  }

  get #volumes(): string {
    return join(this.#root, 'kubelet', 'pods', this.#pod, 'volumes');
  }

  get #subPaths(): string {
    return join(this.#root, 'kubelet', 'pods', this.#pod, 'volume-subpaths');
  }

  get #fileSystem(): string {
    return join(this.#root, 'fs');
  }

  /** Runs one attempt to its end, or to its harm; a worker that still runs when `kill` resolves is killed. */
  async attempt(step?: Step, kill?: Promise<void>): Promise<WorkerEnd> {
    const pod = this.#newPod();
    return this.#run(pod, { args: ['worker'], step, kill });
  }

  /** What the controller does when no attempt follows a lost worker. */
  async cleanUp(): Promise<WorkerEnd> {
    const pod = this.#newPod();
    return this.#run(pod, { args: ['worker', 'cleanup'] });
  }

  /** Deletes the last pod, as the kubelet does, and leaves the claim. */
  detach(): void {
    if (this.#pod === '') return;
    const [from, pod] = [this.claim, join(this.#root, 'kubelet', 'pods', this.#pod)];
    this.#pod = '';
    renameSync(from, join(this.#root, 'claim'));
    rmSync(pod, { recursive: true, force: true });
  }

  #newPod(): string {
    this.detach();
    this.#pod = randomUUID();
    this.#pods += 1;
    for (const directory of [
      join(this.#volumes, 'kubernetes.io~local-volume'),
      this.#subPaths,
      this.#fileSystem,
    ])
      mkdirSync(directory, { recursive: true });
    renameSync(join(this.#root, 'claim'), this.claim);
    return this.#pod;
  }

  async #run(
    pod: string,
    {
      args,
      step,
      kill,
    }: { args: readonly string[]; step?: Step | undefined; kill?: Promise<void> | undefined },
  ): Promise<WorkerEnd> {
    const inPod = join(this.#root, 'pod');
    const log = join(this.#root, 'termination-log');
    rmSync(inPod, { recursive: true, force: true });
    for (const directory of ['secrets', 'spool', 'pod-volumes', 'pod-subpaths', 'volumes'])
      mkdirSync(join(inPod, directory), { recursive: true });
    for (const [name, value] of Object.entries(this.#secrets)) {
      mkdirSync(join(inPod, 'secrets', dirname(name)), { recursive: true });
      writeFileSync(join(inPod, 'secrets', name), value);
    }
    writeFileSync(join(inPod, 'docker.sock'), '');
    writeFileSync(log, '');
    const mounts = [
      [inPod, podRoot],
      [engineSocket(), workerPaths.dockerSocket],
      [log, terminationLog],
      [this.#volumes, workerPaths.podVolumes],
      [this.#subPaths, workerPaths.podSubPaths],
      ...this.#mountedVolumes(inPod, args.includes('cleanup')),
    ];
    const script = [
      ...rootFileSystem(this.#fileSystem, [this.#program.file, this.#root]),
      ...mounts.map(([from, to]) => `mount --bind '${from}' '${this.#fileSystem}${to}'`),
      `exec chroot '${this.#fileSystem}' '${process.execPath}' --import '${this.#program.preload}' '${this.#program.file}' ${args.join(' ')}`,
    ];
    const child = spawn('unshare', ['--mount', '--propagation', 'private', 'sh', '-ec', script.join('\n')], {
      env: this.#environment(pod, step),
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: longestMs,
      killSignal: 'SIGKILL',
    });
    void kill?.then(() => child.kill('SIGKILL'));
    const [output, errors, [code]] = await Promise.all([
      text(child.stdout),
      text(child.stderr),
      once(child, 'exit') as Promise<[number | null]>,
    ]);
    return { code, report: parseReport(readFileSync(log, 'utf8').trim()), output: output + errors };
  }

  #environment(pod: string, step: Step | undefined): Record<string, string | undefined> {
    const plan: RunPlan = {
      run: { namespace: 'crash', name: 'crash', uid: this.uid },
      spec: this.#spec,
      kubeletRoot: join(this.#root, 'kubelet'),
      podCgroup: { root: cgroupRoot, qosClass: 'BestEffort' },
      hostMounts: this.#temporaryOnNode().map(({ index }) => ({
        volume: podVolume(index),
        isMounted: true,
        baseDepth: NodeOfOneRun.hostDir(this.#root).split('/').length - 1,
        baseIndex: 0,
        isStrict: false,
        hides: false,
      })),
    };
    return {
      PATH: process.env['PATH'],
      NODE_COMPILE_CACHE: this.#program.cache,
      [workerEnvironment.plan]: JSON.stringify(plan),
      [workerEnvironment.podUid]: pod,
      [workerEnvironment.failedAttempts]: String(this.#pods - 1),
      [workerEnvironment.ending]: JSON.stringify({ kind: 'failed', message: 'the worker was lost' }),
      ...(step === undefined ? {} : { DOCKERRUN_TEST_STEP: JSON.stringify(step) }),
    };
  }

  #temporaryOnNode(): { name: string; index: number }[] {
    return (this.#spec.volumes ?? []).flatMap(({ name, temporary }, index) =>
      temporary?.hostDir === undefined ? [] : [{ name, index }],
    );
  }

  #mountedVolumes(inPod: string, isCleanup: boolean): [string, string][] {
    const emptyDir = (name: string, volume: string): [string, string] => {
      const onNode = join(this.#volumes, 'kubernetes.io~empty-dir', volume);
      mkdirSync(onNode, { recursive: true });
      return [onNode, workerPaths.volume(name)];
    };
    const declared = (this.#spec.volumes ?? []).flatMap(({ name, temporary }, index): [string, string][] => {
      if (temporary === undefined) return [[this.claim, workerPaths.volume(name)]];
      return temporary.hostDir === undefined
        ? [emptyDir(name, podVolume(index))]
        : this.#hostDirVolume({ name, index }, isCleanup);
    });
    const all = [emptyDir('temporaryVolume', temporaryPodVolume), ...declared];
    for (const [, to] of all) mkdirSync(join(inPod, to.slice(podRoot.length)), { recursive: true });
    return all;
  }

  /** The engine follows a link where the kubelet has a mount. */
  #hostDirVolume({ name, index }: { name: string; index: number }, isCleanup: boolean): [string, string][] {
    const hostDir = NodeOfOneRun.hostDir(this.#root);
    const base: [string, string] = [hostDir, workerPaths.hostBase(0)];
    if (isCleanup) return [base];
    const own = join(hostDir, temporaryDirectoryName, temporaryDirectoryOf(this.uid, name));
    const subPath = join(this.#subPaths, podVolume(index), workerContainerName);
    for (const directory of [own, subPath]) mkdirSync(directory, { recursive: true });
    symlinkSync(own, join(subPath, '0'));
    return [base, [hostDir, workerPaths.hostDirectory(index)], [own, workerPaths.volume(name)]];
  }
}

/** The commands that make a worker's root: what of the machine it needs, and the mount points of a pod. */
function rootFileSystem(at: string, needed: readonly string[]): string[] {
  const tops = new Set([
    'etc',
    'proc',
    'usr',
    ...[...needed, process.execPath].map((path) => path.split('/')[1] ?? ''),
  ]);
  const entries = readdirSync('/', { withFileTypes: true });
  const links = entries.filter((entry) => entry.isSymbolicLink()).map(({ name }) => name);
  const libraries = ['bin', 'lib', 'lib64', 'sbin'];
  const directories = entries
    .filter((entry) => entry.isDirectory() && (tops.has(entry.name) || libraries.includes(entry.name)))
    .map(({ name }) => name);
  const inDev = devices.map((name) => `dev/${name}`);
  return [
    `mount -t tmpfs none '${at}'`,
    `cd '${at}'`,
    `mkdir .${podRoot} dev ${directories.join(' ')}`,
    `touch .${terminationLog} ${inDev.join(' ')}`,
    ...(links.length > 0 ? [`cp --no-dereference ${links.map((name) => `/${name}`).join(' ')} .`] : []),
    ...[...directories, ...inDev].map((name) => `mount --bind /${name} ${name}`),
    'cd /',
  ];
}

/** Removes the parent cgroups of the containers, which the engine leaves, in every hierarchy. */
export function removeCgroups(): void {
  const found = globSync(`/sys/fs/cgroup/{.,*}${cgroupRoot}/{.,**}/`);
  for (const directory of found.toSorted((a, b) => b.length - a.length)) rmdirSync(directory);
}
