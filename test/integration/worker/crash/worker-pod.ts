import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, renameSync, rmSync, rmdirSync, writeFileSync } from 'node:fs';
import { randomUUID } from 'node:crypto';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
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
const cgroupRoot = '/dockerrun-crash';
/** Where the paths of a worker's container begin; it exists on the machine only while the tests run. */
const podRoot = dirname(workerPaths.dockerSocket);
const terminationLog = '/dev/termination-log';
const preload = join(import.meta.dirname, 'crash-step.ts');
const longestMs = 120_000;

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
  readonly #program: string;
  readonly #spec: DockerRunSpec;
  readonly #secrets: Readonly<Record<string, string>>;
  readonly uid = randomUUID();
  #pods = 0;
  #pod = '';

  /**
   * `program` is the file of the worker's program; `secrets` has the files below the directory of the pod's
   * secrets.
   */
  constructor(
    { root, program }: { readonly root: string; readonly program: string },
    spec: DockerRunSpec,
    secrets: Readonly<Record<string, string>>,
  ) {
    this.#root = root;
    this.#program = program;
    this.#spec = spec;
    this.#secrets = { 'girder/apiKey': girderEnvironment().apiKey, ...secrets };
    mkdirSync(join(root, 'claim'), { recursive: true });
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

  /** Runs one attempt to its end, or to its harm. */
  async attempt(step?: Step): Promise<WorkerEnd> {
    const pod = this.#newPod();
    return this.#run(pod, ['worker'], step);
  }

  /** What the controller does when no attempt follows a lost worker. */
  async cleanUp(): Promise<WorkerEnd> {
    const pod = this.#newPod();
    return this.#run(pod, ['worker', 'cleanup']);
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
    mkdirSync(join(this.#volumes, 'kubernetes.io~local-volume'), { recursive: true });
    renameSync(join(this.#root, 'claim'), this.claim);
    return this.#pod;
  }

  async #run(pod: string, args: readonly string[], step?: Step): Promise<WorkerEnd> {
    const inPod = join(this.#root, 'pod');
    const log = join(this.#root, 'termination-log');
    rmSync(inPod, { recursive: true, force: true });
    for (const directory of ['secrets', 'spool', 'pod-volumes', 'volumes'])
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
      ...this.#mountedVolumes(inPod),
    ];
    const script = [
      ...mounts.map(([from, to]) => `mount --bind '${from}' '${to}'`),
      `exec '${process.execPath}' --import '${preload}' '${this.#program}' ${args.join(' ')}`,
    ];
    const plan: RunPlan = {
      run: { namespace: 'crash', name: 'crash', uid: this.uid },
      spec: this.#spec,
      kubeletRoot: join(this.#root, 'kubelet'),
      podCgroup: { root: cgroupRoot, qosClass: 'BestEffort' },
    };
    const env = {
      PATH: process.env['PATH'],
      [workerEnvironment.plan]: JSON.stringify(plan),
      [workerEnvironment.podUid]: pod,
      [workerEnvironment.failedAttempts]: String(this.#pods - 1),
      [workerEnvironment.ending]: JSON.stringify({ kind: 'failed', message: 'the worker was lost' }),
      ...(step === undefined ? {} : { DOCKERRUN_TEST_STEP: JSON.stringify(step) }),
    };
    const command = ['--mount', '--propagation', 'private', 'sh', '-ec', script.join('\n')];
    const child = spawn('unshare', command, {
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: longestMs,
      killSignal: 'SIGKILL',
    });
    const [output, errors, [code]] = await Promise.all([
      text(child.stdout),
      text(child.stderr),
      once(child, 'exit') as Promise<[number | null]>,
    ]);
    return { code, report: parseReport(readFileSync(log, 'utf8').trim()), output: output + errors };
  }

  #mountedVolumes(inPod: string): [string, string][] {
    const emptyDir = (name: string, volume: string): [string, string] => {
      const onNode = join(this.#volumes, 'kubernetes.io~empty-dir', volume);
      mkdirSync(onNode, { recursive: true });
      mkdirSync(join(inPod, 'volumes', name), { recursive: true });
      return [onNode, workerPaths.volume(name)];
    };
    const declared = (this.#spec.volumes ?? []).map(({ name, temporary }, index): [string, string] => {
      mkdirSync(join(inPod, 'volumes', name), { recursive: true });
      return temporary === undefined
        ? [this.claim, workerPaths.volume(name)]
        : emptyDir(name, podVolume(index));
    });
    return [emptyDir('temporaryVolume', temporaryPodVolume), ...declared];
  }
}

/** Makes the mount points that a pod's container has. */
export function makeMountPoints(): void {
  mkdirSync(podRoot, { recursive: true });
  writeFileSync(terminationLog, '', { flag: 'a' });
}

/** Tests in other processes may still need them. */
export function removeMountPoints(): void {
  try {
    rmdirSync(podRoot);
  } catch {
    return;
  }
}
