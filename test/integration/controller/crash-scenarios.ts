import { queueNameLabel } from '../../../src/api/names.ts';
import { paths } from '../../../src/kube/paths.ts';
import type { KubeClient } from '../../fixtures/kube-client.ts';
import { type ScriptedRun, failed, succeeded } from '../../fixtures/scripted-run.ts';

/** A run, with everything that is done to it by anyone but the controller. */
export type Scenario = {
  readonly name: string;
  readonly spec: object;
  readonly labels?: Record<string, string>;
  /** The number of the controller's writes: at least those that occur on a fast machine. */
  readonly writes: number;
  /** A pod that was created and deleted while no controller ran is not counted. */
  readonly mayMissPods?: boolean;
  readonly prepare?: (client: KubeClient, namespace: string) => Promise<unknown>;
  readonly act: (run: ScriptedRun, client: KubeClient) => Promise<void>;
  /** The reason of the run's last Event. */
  readonly ends: string;
};

const quotas = (namespace: string) => `/api/v1/namespaces/${namespace}/resourcequotas`;

export const scenarios = {
  ordinary: {
    name: 'ordinary',
    ...{ spec: {}, writes: 7, ends: 'Succeeded' },
    act: async (run) => {
      await run.podRuns(1);
      await run.hasReason('Running');
      await run.podEnds(1, succeeded);
      await run.ends();
    },
  },
  retried: {
    name: 'retried',
    ...{ spec: { backoffLimit: 1 }, writes: 12, ends: 'TargetFailed' },
    act: async (run) => {
      for (const attempt of [1, 2]) {
        await run.podRuns(attempt);
        await run.hasReason('Running');
        await run.podEnds(attempt, failed);
      }
      await run.ends();
    },
  },
  cancelledEarly: {
    name: 'cancelled-early',
    ...{ spec: {}, writes: 9, ends: 'Cancelled', mayMissPods: true },
    act: async (run) => {
      await run.hasPod(1);
      await run.patch({ cancel: true });
      await run.ends();
      await run.hasNoJob();
    },
  },
  cancelled: {
    name: 'cancelled',
    ...{ spec: {}, writes: 9, ends: 'Cancelled' },
    act: async (run) => {
      await run.podRuns(1);
      await run.hasReason('Running');
      await run.patch({ cancel: true });
      await run.ends();
      await run.hasNoJob();
    },
  },
  suspended: {
    name: 'suspended',
    ...{ spec: {}, writes: 15, ends: 'Succeeded' },
    act: async (run) => {
      await run.podRuns(1);
      await run.hasReason('Running');
      await run.patch({ suspend: true });
      await run.hasReason('Suspended');
      await run.patch({ suspend: false });
      await run.podRuns(2);
      await run.hasReason('Running');
      await run.podEnds(2, succeeded);
      await run.ends();
    },
  },
  hasty: {
    name: 'hasty',
    labels: { [queueNameLabel]: 'lab' },
    ...{ spec: {}, writes: 14, ends: 'Succeeded' },
    act: async (run) => {
      await run.podRuns(1);
      await run.hasReason('Running');
      await run.patch({ suspend: true });
      await run.givesJobUp();
      await run.patch({ suspend: false });
      await run.podRuns(2);
      await run.hasReason('Running');
      await run.podEnds(2, succeeded);
      await run.ends();
    },
  },
  deleted: {
    name: 'deleted',
    ...{ spec: { ttlSecondsAfterFinished: 1 }, writes: 7, ends: 'Succeeded' },
    act: async (run) => {
      await run.podRuns(1);
      await run.podEnds(1, succeeded);
      await run.isGone();
    },
  },
  refused: {
    name: 'refused',
    ...{ spec: {}, writes: 8, ends: 'Succeeded' },
    prepare: async (client, namespace) => {
      const path = quotas(namespace);
      const body = { apiVersion: 'v1', kind: 'ResourceQuota', metadata: { name: 'jobs' } };
      await client.create(path, { ...body, spec: { hard: { 'count/jobs.batch': '0' } } });
      await client.until(`${path}/jobs`, 'in force', {
        holds: (quota) => JSON.stringify(quota).includes('"used"'),
      });
    },
    act: async (run, client) => {
      await run.hasReason('Pending', 'exceeded quota');
      await client.merge(`${quotas(run.name)}/jobs`, { spec: { hard: { 'count/jobs.batch': '5' } } });
      await run.podRuns(1);
      await run.podEnds(1, succeeded);
      await run.ends();
    },
  },
  lost: {
    name: 'lost',
    spec: { volumes: [{ name: 'scratch', temporary: { hostDir: '/srv/scratch' } }] },
    ...{ writes: 9, ends: 'WorkerLost' },
    act: async (run) => {
      await run.podRuns(1);
      await run.hasReason('Running');
      await run.podEnds(1, { lost: true });
      await run.cleanupSucceeds();
      await run.ends();
    },
  },
} satisfies Record<string, Scenario>;

/** Allows the host directories that the scenarios use. */
export async function allowHostPaths(client: KubeClient): Promise<void> {
  const metadata = { name: 'default' };
  const body = { apiVersion: 'dockerrun.dev/v1alpha1', kind: 'DockerRunPolicy', metadata };
  await client.create(paths.policies(), { ...body, spec: { hostPaths: [{ pathPrefix: '/srv' }] } });
}
