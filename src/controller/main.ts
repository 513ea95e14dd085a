import { destination } from 'pino';
import { labels, progressPort } from '../api/names.ts';
import { connect } from '../kube/connection.ts';
import { ListWatch } from '../kube/list-watch.ts';
import { paths } from '../kube/resources.ts';
import { serveHealth } from '../runtime/health.ts';
import { KeyedQueue } from '../runtime/queue.ts';
import { createLogger } from '../support/log.ts';
import { readConfig } from './config.ts';
import { askWorkerOver } from './ask-worker.ts';
import type { Caches } from './gather.ts';
import { Obstacles } from './obstacles.ts';
import { PodsOfJobs } from './pods-of-jobs.ts';
import { parseJob, parsePod, parseRun } from './observed.ts';
import { readPolicy } from './policy.ts';
import { createReconcile } from './reconcile.ts';

const concurrentReconciles = 16;

/** Runs the controller until the signal aborts. */
export async function runController(environment: NodeJS.ProcessEnv, signal: AbortSignal): Promise<void> {
  const config = readConfig(environment);
  const log = createLogger(config.logLevel, destination(1));
  const connection = await connect();
  const keys = new Map<string, string>();
  const enqueue = (uid: string | undefined) => {
    const key = uid === undefined ? undefined : keys.get(uid);
    if (key !== undefined) queue.add(key);
  };
  const shared = { connection, log };
  const ofRuns = { ...shared, labelSelector: labels.runUid };
  const caches: Caches = {
    runs: new ListWatch({
      ...shared,
      path: paths.dockerRuns(),
      parse: parseRun,
      onChange: ({ metadata: { namespace, name, uid } }) => {
        keys.set(uid, `${namespace}/${name}`);
        enqueue(uid);
        if (caches.runs.get(`${namespace}/${name}`)?.metadata.uid !== uid) keys.delete(uid);
      },
    }),
    jobs: new ListWatch({
      ...ofRuns,
      path: paths.jobs(),
      parse: parseJob,
      onChange: (job) => enqueue(job.ownerUid),
    }),
    pods: new ListWatch({
      ...ofRuns,
      path: paths.pods(),
      parse: parsePod,
      onChange: (pod) => {
        podsOfJobs.changed(pod);
        enqueue(pod.runUid);
      },
    }),
  };
  const podsOfJobs = new PodsOfJobs((key) => caches.pods.get(key));
  const obstacles = new Obstacles(connection);
  const allSynced = () => Object.values(caches).every((cache) => cache.synced);
  const reconcile = createReconcile({
    gatherer: { connection, caches, podsOfJobs, obstacles, askWorker: askWorkerOver(progressPort) },
    applier: { connection, worker: config.worker },
    policy: () => readPolicy(connection, log, signal),
    log,
    signal,
  });
  const queue = new KeyedQueue({
    // Before every cache is filled, "no Job" could mean "not seen yet".
    handle: async (key) => (allSynced() ? reconcile(key) : { kind: 'requeueAfter', milliseconds: 50 }),
    concurrency: concurrentReconciles,
    backoff: { firstMs: 200, maxMs: 60_000 },
  });
  const health = await serveHealth({ port: config.healthPort, isReady: allSynced });
  log.info({ server: connection.server.origin, worker: config.worker }, 'controller started');
  await Promise.all(Object.values(caches).map((cache) => cache.run(signal)));
  await queue.stop();
  await health.close();
  log.info('controller stopped');
}
