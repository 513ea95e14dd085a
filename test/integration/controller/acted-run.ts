import { apiVersion, jobName, kind } from '../../../src/api/names.ts';
import type { Report } from '../../../src/api/report.ts';
import { isTerminalPhase, type Phase } from '../../../src/api/status.ts';
import { paths } from '../../../src/kube/resources.ts';
import { parseObjectMeta, recordAt, textAt } from '../../../src/kube/wire.ts';
import type { KubeClient } from '../../fixtures/kube-client.ts';
import type { PlayedKubelet, PlayedPod, WorkerEnd } from '../../fixtures/played-kubelet.ts';
import { until } from '../../fixtures/until.ts';
import type { ClusterRecord, State } from './cluster-record.ts';

/** Where runs live whose user and nodes a test plays. */
export type Stage = {
  readonly client: KubeClient;
  readonly kubelet: PlayedKubelet;
  readonly record: ClusterRecord;
  /** Where the workers of all pods answer. */
  readonly podIP: string;
};

/** Longer than three attempts take with the backoff of Jobs, on a machine that does much else. */
const patienceMs = 90_000;

const target = { containerID: 'c', startedAt: '2026-01-02T03:04:05Z' };
const ended = { ...target, finishedAt: '2026-01-02T03:04:15Z' };

export const running: Report = { phase: 'Running', progress: { message: 'The target runs.' }, target };
export const succeeded: WorkerEnd = {
  word: {
    phase: 'Succeeded',
    reason: 'Succeeded',
    message: 'The target ended with exit code 0.',
    target: { ...ended, exitCode: 0 },
  },
};
export const failed: WorkerEnd = {
  word: {
    phase: 'Failed',
    reason: 'TargetFailed',
    message: 'The target ended with exit code 3.',
    target: { ...ended, exitCode: 3 },
  },
};

/** A run in a namespace of its own name, with the hands of its user and of its node. */
export class ActedRun {
  readonly name: string;
  readonly path: string;
  readonly #stage: Stage;
  uid = '';

  constructor(stage: Stage, name: string) {
    this.#stage = stage;
    this.name = name;
    this.path = `${paths.dockerRuns(name)}/${name}`;
  }

  async apply(spec: object, labels: Record<string, string> = {}): Promise<void> {
    const { client } = this.#stage;
    const body = { apiVersion, kind, metadata: { name: this.name, labels } };
    const made = await client.create(paths.dockerRuns(this.name), {
      ...body,
      spec: { image: 'busybox', args: ['true'], ...spec },
    });
    this.uid = parseObjectMeta(made).uid;
  }

  async patch(spec: object): Promise<void> {
    await this.#stage.client.merge(this.path, { spec });
  }

  async hasPod(nth: number): Promise<void> {
    await this.#pod(nth);
  }

  /** Lets the nth pod of the run's Job run, as soon as it is there. */
  async podRuns(nth: number): Promise<void> {
    const { kubelet, podIP } = this.#stage;
    await kubelet.start(await this.#pod(nth), podIP);
  }

  /** Ends the worker of the nth pod. */
  async podEnds(nth: number, how: WorkerEnd): Promise<void> {
    await this.#stage.kubelet.end(await this.#pod(nth), how);
  }

  /** Lets the tidy Job's pod end well, as soon as it is there. */
  async tidies(): Promise<void> {
    const { kubelet, podIP } = this.#stage;
    const isOfTidying = ({ path, phase }: PlayedPod) => path.includes('-tidy-') && phase === 'Pending';
    const find = () => kubelet.pods.find((pod) => isOfTidying(pod) && pod.path.includes(`/${this.name}/`));
    await this.#until('is tidied', () => find() !== undefined);
    const pod = find();
    if (pod === undefined) return;
    await kubelet.start(pod, podIP);
    await kubelet.end(pod, { word: { phase: 'Succeeded' } });
  }

  /** Waits until the status has one of these reasons. */
  async says(reason: string, message = ''): Promise<void> {
    const holds = () => textAt(this.status, 'reason') === reason && this.message.includes(message);
    await this.#until(`is ${reason}`, holds);
  }

  async ends(): Promise<void> {
    await this.#until('ends', () => this.hasEnded);
  }

  /** Waits until the run is gone, and its Job and pods with it. */
  async isGone(): Promise<void> {
    const isLeft = () => this.exists || this.left.length > 0;
    await this.#until('is gone', () => !isLeft());
  }

  /** Waits until no Job of the run is left, nor a pod of it. */
  async hasNoJob(): Promise<void> {
    await this.#until('has no Job', () => this.left.length === 0);
  }

  /** Waits until the first Job of the run goes, or is gone. */
  async givesJobUp(): Promise<void> {
    const goes = ({ isGone, object }: State) =>
      isGone || textAt(recordAt(object, 'metadata'), 'deletionTimestamp') !== undefined;
    const holds = () => this.#stage.record.everOf('jobs', this.uid).slice(0, 1).some(goes);
    await this.#until('gives its Job up', holds);
  }

  get jobPath(): string {
    return `${paths.jobs(this.name)}/${jobName(this)}`;
  }

  get exists(): boolean {
    return this.#stage.record.run(this.name, this.name) !== undefined;
  }

  get status(): Record<string, unknown> {
    return recordAt(this.#stage.record.run(this.name, this.name), 'status');
  }

  get message(): string {
    return textAt(this.status, 'message') ?? '';
  }

  get hasEnded(): boolean {
    const last = this.#stage.record.statesOf(this.uid).at(-1)?.object;
    return isTerminalPhase(textAt(recordAt(last, 'status'), 'phase') as Phase | undefined);
  }

  /** The pods that the run ever had, in the order in which they came. */
  get pods(): State[] {
    return this.#stage.record.everOf('pods', this.uid);
  }

  /** The Jobs and pods of the run that are there. */
  get left(): string[] {
    const { record } = this.#stage;
    const all = [...record.everOf('jobs', this.uid), ...record.everOf('pods', this.uid)];
    return all.filter(({ isGone }) => !isGone).map(({ name }) => name);
  }

  async #pod(nth: number): Promise<PlayedPod> {
    const find = () => this.#stage.kubelet.pods.find(({ uid }) => uid === this.pods[nth - 1]?.uid);
    await this.#until(`has pod ${nth}`, () => find() !== undefined);
    const pod = find();
    if (pod === undefined) throw new Error(`${this.name} has no pod ${nth}`);
    return pod;
  }

  /** Fails with all that the run, its Jobs and its pods went through. */
  async #until(what: string, holds: () => boolean): Promise<void> {
    try {
      await until(`${this.name} ${what}`, holds, { withinMs: patienceMs });
    } catch (error) {
      throw new Error(`${String(error)}\n${this.#story().join('\n')}`, { cause: error });
    }
  }

  #story(): string[] {
    const { record } = this.#stage;
    const runs = record.statesOf(this.uid).map(({ object }) => JSON.stringify(recordAt(object, 'status')));
    const others = [...record.everOf('jobs', this.uid), ...record.everOf('pods', this.uid)].map((state) => {
      const { deletionTimestamp } = recordAt(state.object, 'metadata');
      const { name, isGone } = state;
      return JSON.stringify({ name, isGone, deletionTimestamp, status: recordAt(state.object, 'status') });
    });
    return [...runs, ...others];
  }
}
