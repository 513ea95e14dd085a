import type { Phase } from '../../../src/api/status.ts';
import { paths } from '../../../src/kube/paths.ts';
import { recordAt, textAt } from '../../../src/kube/json.ts';
import type { KubeClient } from '../../fixtures/kube-client.ts';
import { createRun, runPath } from './replicas.ts';
import { MiniCluster } from './mini-cluster.ts';

/** A DockerRun whose pod a test plays; each step begins when the test says so, past any proxy. */
export class StagedRun {
  readonly #client: KubeClient;
  readonly #cluster: MiniCluster;
  readonly #name: string;
  #uid = '';
  #job: unknown;

  constructor(client: KubeClient, name: string) {
    this.#client = client;
    this.#cluster = new MiniCluster(client);
    this.#name = name;
  }

  async apply(): Promise<void> {
    ({ uid: this.#uid } = await createRun(this.#client, this.#name));
  }

  /** Waits until the run has its Job, which must be its only one. */
  async hasJob(withinMs?: number): Promise<void> {
    const status = await this.#untilStatus(
      'has a Job',
      (found) => textAt(found, 'jobName') !== undefined,
      withinMs,
    );
    const path = `${paths.jobs('default')}/${textAt(status, 'jobName')}`;
    this.#job = await this.#client.until(path, 'there', () => true, withinMs);
  }

  async startPod(): Promise<void> {
    await this.#cluster.startPod(this.#job);
    await this.#cluster.runWorker(this.#job);
  }

  async succeed(): Promise<void> {
    await this.#cluster.succeed(this.#job, { phase: 'Succeeded', reason: 'Succeeded', message: 'played' });
  }

  /** Waits until the status says that the run is in one of these phases. */
  async is(phases: readonly Phase[], withinMs?: number): Promise<void> {
    const holds = (status: unknown) => phases.some((phase) => phase === textAt(status, 'phase'));
    await this.#untilStatus(phases.join(' or '), holds, withinMs);
  }

  /** Fails unless the run has the one Job that it had at first. */
  async hasOneJob(): Promise<void> {
    const uidOf = (job: unknown) => textAt(recordAt(job, 'metadata'), 'uid');
    const job = await this.#cluster.onlyJob(this.#uid);
    if (uidOf(job) !== uidOf(this.#job)) throw new Error('the Job was made anew');
  }

  async #untilStatus(what: string, holds: (status: unknown) => boolean, withinMs?: number): Promise<unknown> {
    const onRun = (run: unknown) => holds(recordAt(run, 'status'));
    return recordAt(await this.#client.until(runPath(this.#name), what, onRun, withinMs), 'status');
  }
}
