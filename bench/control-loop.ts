/**
 * Measures the control loop against a real API server on the loopback network: how soon after a DockerRun its
 * Job is created, and how much memory, CPU time and restart time many live runs need.
 *
 *     node bench/control-loop.ts [live runs, 1000] [runs per second, 20]
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { destination } from 'pino';
import { apiVersion, kind, labels, progressPort } from '../src/api/names.ts';
import { ListWatch } from '../src/kube/list-watch.ts';
import { paths } from '../src/kube/paths.ts';
import { parseObjectMeta, recordAt } from '../src/kube/json.ts';
import { parseJob } from '../src/controller/observe/parse.ts';
import { createLogger } from '../src/support/log.ts';
import { type ControlPlane, startControlPlane } from '../test/fixtures/control-plane.ts';
import { ControllerProcess } from '../test/fixtures/controller-process.ts';
import { freePorts } from '../test/fixtures/free-ports.ts';
import { WorkerEndpoint } from '../test/fixtures/worker-endpoint.ts';
import { typicalSpec } from './typical-run.ts';

const namespace = 'default';
const podAddress = '127.77.0.2';
const latencySeconds = 10;
const [liveRuns = 1_000, perSecond = 20] = process.argv.slice(2).map(Number);

type Started = { controller: ControllerProcess; metricsPort: number; readyMs: number };

async function startController(plane: ControlPlane): Promise<Started> {
  const [metricsPort = 0] = await freePorts(1);
  const began = performance.now();
  const controller = await ControllerProcess.start(plane.kubeconfig, {
    ...{ DOCKERRUN_METRICS_PORT: String(metricsPort), DOCKERRUN_LEADER_ELECTION: 'false' },
    DOCKERRUN_LOG_LEVEL: 'error',
    NODE_OPTIONS: process.env['NODE_OPTIONS'],
  });
  return { controller, metricsPort, readyMs: performance.now() - began };
}

async function metric({ metricsPort }: Started, name: string): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text();
  const values = [...text.matchAll(new RegExp(`^${name}(?:\\{.*\\})? (\\S+)$`, 'gm'))];
  return values.reduce((sum, [, value]) => sum + Number(value), 0);
}

/** The Job of each run and when it was first seen, by the uid of the run. */
function watchJobs(plane: ControlPlane, signal: AbortSignal): Map<string, { at: number; job: unknown }> {
  const seen = new Map<string, { at: number; job: unknown }>();
  const jobs = new ListWatch({
    connection: plane.connect(),
    path: paths.jobs(),
    labelSelector: labels.runUid,
    parse: (job) => ({ owner: parseJob(job).ownerUid ?? '', job }),
    onChange: ({ owner, job }) => {
      if (!seen.has(owner)) seen.set(owner, { at: performance.now(), job });
    },
    log: createLogger('error', destination(2)),
  });
  void jobs.run(signal);
  return seen;
}

async function createRun({ client }: ControlPlane, name: string): Promise<string> {
  const run = { apiVersion, kind, metadata: { name }, spec: typicalSpec };
  return parseObjectMeta(await client.create(paths.dockerRuns(namespace), run)).uid;
}

type Latencies = { readonly creates: readonly number[]; readonly jobs: readonly number[] };

/** In milliseconds: how long each create takes, and how soon after it a watch shows the run's Job. */
async function latencies(plane: ControlPlane, seen: ReturnType<typeof watchJobs>): Promise<Latencies> {
  const created = new Map<string, number>();
  const creates: number[] = [];
  const creating: Promise<void>[] = [];
  for (let index = 0; index < latencySeconds * perSecond; index += 1) {
    const at = performance.now();
    const create = createRun(plane, `latency-${index}`).then((uid) => {
      created.set(uid, performance.now());
      creates.push(performance.now() - at);
    });
    creating.push(create);
    await sleep(1000 / perSecond);
  }
  await Promise.all(creating);
  while ([...created.keys()].some((uid) => !seen.has(uid))) await sleep(50);
  return { creates, jobs: [...created].map(([uid, at]) => (seen.get(uid)?.at ?? NaN) - at) };
}

function quantiles(times: readonly number[]): string {
  const sorted = times.toSorted((a, b) => a - b);
  const at = (share: number) => Math.round(sorted[Math.floor((sorted.length - 1) * share)] ?? NaN);
  return `p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, longest ${at(1)} ms`;
}

/** Creates the pod of a Job, with a running worker. */
async function createPod({ client }: ControlPlane, job: unknown): Promise<void> {
  const { name, uid } = parseObjectMeta(job);
  const template = recordAt(recordAt(job, 'spec'), 'template');
  const owner = { apiVersion: 'batch/v1', kind: 'Job', name, uid, controller: true };
  const metadata = { name: `${name}-0`, labels: recordAt(template, 'metadata')['labels'] };
  await client.create(paths.pods(namespace), {
    ...{ apiVersion: 'v1', kind: 'Pod', spec: { ...recordAt(template, 'spec'), nodeName: 'node-1' } },
    metadata: { ...metadata, ownerReferences: [owner] },
  });
  const container = { name: 'worker', image: 'i', imageID: '', restartCount: 0, ready: true };
  const state = { running: { startedAt: new Date().toISOString().replace(/\.\d+Z$/, 'Z') } };
  const status = { phase: 'Running', podIP: podAddress, podIPs: [{ ip: podAddress }] };
  await client.merge(`${paths.pods(namespace)}/${metadata.name}/status`, {
    status: { ...status, containerStatuses: [{ ...container, state }] },
  });
}

async function forEachConcurrently<Item>(
  items: readonly Item[],
  atOnce: number,
  work: (item: Item) => Promise<unknown>,
) {
  const rest = [...items];
  const one = async () => {
    for (let item = rest.shift(); item !== undefined; item = rest.shift()) await work(item);
  };
  await Promise.all(Array.from({ length: atOnce }, one));
}

async function memory(started: Started): Promise<string> {
  const names = ['process_resident_memory_bytes', 'nodejs_heap_size_used_bytes'];
  const [resident = 0, heap = 0] = await Promise.all(names.map((name) => metric(started, name)));
  return `${Math.round(resident / 2 ** 20)} MiB resident (${Math.round(heap / 2 ** 20)} MiB of heap in use)`;
}

async function cost(started: Started, seconds: number): Promise<string> {
  const names = ['process_cpu_seconds_total', 'controller_runtime_reconcile_total'] as const;
  const before = await Promise.all(names.map((name) => metric(started, name)));
  await sleep(seconds * 1000);
  const after = await Promise.all(names.map((name) => metric(started, name)));
  const [cpu = 0, reconciles = 0] = after.map((value, index) => value - (before[index] ?? 0));
  return `${((cpu / seconds) * 100).toFixed(0)} % of a core, ${(reconciles / seconds).toFixed(1)} reconciles/s`;
}

const report = (text: string) => console.log(text);
const stop = new AbortController();
const target = { containerID: 'c', startedAt: '2026-01-02T03:04:05Z' };
await using plane = await startControlPlane();
await using endpoint = await WorkerEndpoint.listen(podAddress, progressPort, { phase: 'Running', target });
const first = await startController(plane);
const seen = watchJobs(plane, stop.signal);
report(`idle: ${await memory(first)}`);
const { creates, jobs } = await latencies(plane, seen);
report(
  `${jobs.length} DockerRuns at ${perSecond}/s: the API server answers a create in ${quantiles(creates)}`,
);
report(`from that answer to the Job: ${quantiles(jobs)}`);

const names = Array.from({ length: Math.max(0, liveRuns - jobs.length) }, (_, index) => `live-${index}`);
const began = performance.now();
await forEachConcurrently(names, 32, (name) => createRun(plane, name));
while (seen.size < jobs.length + names.length) await sleep(100);
report(`${seen.size} runs have Jobs ${((performance.now() - began) / 1000).toFixed(0)} s after the first`);
await forEachConcurrently([...seen.values()], 32, ({ job }) => createPod(plane, job));
await sleep(10_000);
report(`${seen.size} live runs: ${await memory(first)}, ${await cost(first, 20)}`);
report(`their workers were asked for progress ${endpoint.questions} times`);
await first.controller[Symbol.asyncDispose]();

const second = await startController(plane);
report(`restarted: ready after ${(second.readyMs / 1000).toFixed(1)} s, ${await memory(second)}`);
await sleep(15_000);
report(`15 s later: ${await memory(second)}, ${await cost(second, 20)}`);
await second.controller[Symbol.asyncDispose]();
stop.abort();
