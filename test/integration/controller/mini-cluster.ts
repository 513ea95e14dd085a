import { labels, workerContainerName } from '../../../src/api/names.ts';
import type { Report } from '../../../src/api/report.ts';
import { paths } from '../../../src/kube/paths.ts';
import { parseObjectMeta, recordAt } from '../../../src/kube/json.ts';
import { apiNow as now } from '../../fixtures/api-time.ts';
import type { KubeClient } from '../../fixtures/kube-client.ts';

/** Does to a Job what its controller and a kubelet would, step by step, on an API server that has neither. */
export class MiniCluster {
  readonly #client: KubeClient;

  constructor(client: KubeClient) {
    this.#client = client;
  }

  /** Makes the pod of a Job, which waits for its image. */
  async startPod(job: unknown): Promise<string> {
    const { name, uid, namespace } = parseObjectMeta(job);
    const pod = `${name}-0`;
    const owner = { apiVersion: 'batch/v1', kind: 'Job', name, uid, controller: true };
    const template = recordAt(recordAt(job, 'spec'), 'template');
    const metadata = { ...recordAt(template, 'metadata'), name: pod, ownerReferences: [owner] };
    await this.#client.create(paths.pods(namespace), { metadata, spec: template['spec'] });
    const startTime = now();
    await this.#client.merge(`${paths.jobs(namespace)}/${name}/status`, { status: { active: 1, startTime } });
    const state = { waiting: { reason: 'ContainerCreating' } };
    await this.#setPod({ namespace, pod, phase: 'Pending' }, state);
    return pod;
  }

  /** Lets the worker of a Job's pod run. */
  async runWorker(job: unknown): Promise<void> {
    const { name, namespace } = parseObjectMeta(job);
    await this.#setPod({ namespace, pod: `${name}-0`, phase: 'Running' }, { running: { startedAt: now() } });
  }

  /** Lets the worker end well with this word, and then the Job. */
  async succeed(job: unknown, word: Report): Promise<void> {
    const { name, namespace } = parseObjectMeta(job);
    const times = { startedAt: now(), finishedAt: now() };
    const terminated = { exitCode: 0, reason: 'Completed', message: JSON.stringify(word), ...times };
    await this.#setPod({ namespace, pod: `${name}-0`, phase: 'Succeeded' }, { terminated });
    const met = (type: string) => ({ type, status: 'True', lastTransitionTime: now(), lastProbeTime: now() });
    const conditions = [met('SuccessCriteriaMet'), met('Complete')];
    const status = { active: 0, succeeded: 1, completionTime: now(), conditions };
    await this.#client.merge(`${paths.jobs(namespace)}/${name}/status`, { status });
  }

  /** The only Job of a run; fails when there is none or more. */
  async onlyJob(runUid: string): Promise<unknown> {
    const jobs = await this.#client.list(paths.jobs(), `${labels.runUid}=${runUid}`);
    if (jobs.length !== 1) throw new Error(`the run has ${jobs.length} Jobs`);
    return jobs[0];
  }

  async #setPod(
    { namespace, pod, phase }: { namespace: string; pod: string; phase: string },
    state: Record<string, unknown>,
  ): Promise<void> {
    const container = {
      name: workerContainerName,
      image: 'i',
      imageID: '',
      ready: false,
      restartCount: 0,
      state,
    };
    const status = { phase, podIP: '127.0.0.1', containerStatuses: [container] };
    await this.#client.merge(`${paths.pods(namespace)}/${pod}/status`, { status });
  }
}
