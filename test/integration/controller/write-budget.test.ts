import { setTimeout as sleep } from 'node:timers/promises';
import { suite } from '../../fixtures/suite.ts';
import * as assert from 'uvu/assert';
import type { Report } from '../../../src/api/report.ts';
import { moreThan, writeCounts } from '../../fixtures/api-counts.ts';
import { type ControlPlane, startControlPlane } from '../../fixtures/control-plane.ts';
import { ControllerProcess } from '../../fixtures/controller-process.ts';
import { freePorts } from '../../fixtures/free-ports.ts';
import { ScriptedRun } from '../../fixtures/scripted-run.ts';
import { SimulatedCluster } from '../../fixtures/simulated-cluster.ts';
import { until } from '../../fixtures/until.ts';
import type { WorkerEndpoint } from '../../fixtures/worker-endpoint.ts';
import { Scrape } from '../../fixtures/scrape.ts';

type World = {
  plane: ControlPlane;
  cluster: SimulatedCluster;
  controller: ControllerProcess;
  metricsPort: number;
};
const test = suite<World>('write budget of the controller');
const namespace = 'default';

test.before(async (world) => {
  world.plane = await startControlPlane();
  // A container of a real node takes about as long to start, and each step wakes the controller.
  world.cluster = await SimulatedCluster.start(world.plane, { worker: running, startupMs: 1_000 });
  await start(world);
});
test.after(async ({ plane, cluster, controller }) => {
  await controller[Symbol.asyncDispose]();
  await cluster[Symbol.asyncDispose]();
  await plane.close();
});

async function start(world: World): Promise<void> {
  [world.metricsPort = 0] = await freePorts(1);
  const environment = {
    ...{ DOCKERRUN_METRICS_PORT: String(world.metricsPort), DOCKERRUN_LEADER_ELECTION: 'false' },
  };
  world.controller = await ControllerProcess.start(world.plane.kubeconfig, environment);
}

/** The number of reconciles in the controller's own metrics, as soon as it is idle. */
async function reconciles({ metricsPort }: World): Promise<number> {
  return (await Scrape.atRest(metricsPort)).sum('controller_runtime_reconcile_total');
}

/** Creates a run and starts its worker. */
async function startedRun({ cluster }: World, name: string, spec: object = {}): Promise<ScriptedRun> {
  const run = new ScriptedRun(cluster, name, namespace);
  await run.apply(spec);
  await run.podRuns(1);
  return run;
}

const download = (bytes: number): Report => ({
  phase: 'Preparing',
  progress: { message: 'Downloading ct', percent: bytes },
  transfers: [{ name: 'ct', direction: 'download', bytes, totalBytes: 100 }],
});
const target = { containerID: 'c', startedAt: '2026-01-02T03:04:05Z' };
const running: Report = { phase: 'Running', progress: { message: 'The target is running.' }, target };
const ended = { ...target, exitCode: 0, finishedAt: '2026-01-02T03:04:15Z' };
const upload = (bytes: number): Report => ({
  phase: 'Uploading',
  progress: { message: 'Uploading mask', percent: bytes },
  target: ended,
  transfers: [{ name: 'mask', direction: 'upload', bytes, totalBytes: 100 }],
});
const succeeded: Report = { ...upload(100), phase: 'Succeeded', reason: 'Succeeded', message: 'Done.' };

/** The writes that only the controller makes, not the simulated cluster. */
function ownWrites(more: Record<string, number>): Record<string, number> {
  const own = [
    'POST jobs',
    'APPLY dockerruns/status',
    'PATCH dockerruns/status',
    'POST events',
    'DELETE jobs',
  ];
  return Object.fromEntries(Object.entries(more).filter(([key]) => own.includes(key)));
}

const sum = (counts: Record<string, number>) => Object.values(counts).reduce((all, one) => all + one, 0);

/** Reports progress of a transfer every tenth of a second, for `seconds`. */
async function transfer(endpoint: WorkerEndpoint, report: (percent: number) => Report, seconds: number) {
  const steps = seconds * 10;
  for (let step = 1; step <= steps; step += 1) {
    endpoint.report = report(Math.floor((100 * step) / steps));
    await sleep(100);
  }
}

type Seconds = { readonly download: number; readonly run: number; readonly upload: number };
/** `lateSeconds`: how much longer the run took than its parts, on a busy machine. */
type Cost = { readonly writes: number; readonly reconcileCount: number; readonly lateSeconds: number };

/** In seconds, for the start of a run and its end. */
const usualSeconds = 2;

/** The number of writes and reconciles for a run whose parts last this long. */
async function cost(world: World, name: string, seconds: Seconds): Promise<Cost> {
  const { client } = world.plane;
  const { worker } = world.cluster;
  const reconcilesBefore = await reconciles(world);
  const writesBefore = await writeCounts(client);
  worker.report = download(1);
  const began = performance.now();
  const run = await startedRun(world, name);
  await transfer(worker, download, seconds.download);
  worker.report = running;
  await run.is(['Running']);
  await sleep(seconds.run * 1_000);
  await transfer(worker, upload, seconds.upload);
  await run.podEnds(1, { report: succeeded });
  await run.is(['Succeeded']);
  const parts = seconds.download + seconds.run + seconds.upload;
  const lateSeconds = Math.max(0, (performance.now() - began) / 1_000 - parts - usualSeconds);
  const reconcilesAfter = await reconciles(world);
  const writes = ownWrites(moreThan(writesBefore, await writeCounts(client)));
  const reconcileCount = reconcilesAfter - reconcilesBefore;
  console.log(`${name}: ${JSON.stringify(writes)}, ${reconcileCount} reconciles`);
  assert.is(writes['POST jobs'], 1);
  return { writes: sum(writes), reconcileCount, lateSeconds };
}

/** Tries once more when the cost is too high: on a busy machine the parts last longer, which costs more. */
async function costAtBest(
  world: World,
  name: string,
  seconds: Seconds,
  most: Omit<Cost, 'lateSeconds'>,
): Promise<Cost> {
  const first = await cost(world, name, seconds);
  const isFair = first.writes <= most.writes && first.reconcileCount <= most.reconcileCount;
  return isFair ? first : cost(world, `${name}-again`, seconds);
}

for (const [name, seconds] of [
  ['quick', { download: 1, run: 5, upload: 1 }],
  ['slower', { download: 3, run: 1, upload: 3 }],
] as const) {
  test(`a run with ${name} transfers costs at most 6 writes and 12 reconciles`, async (world) => {
    const { writes, reconcileCount, lateSeconds } = await costAtBest(world, name, seconds, {
      writes: 6,
      reconcileCount: 12,
    });
    // Each 5 s of a phase that lasts are one write, and two reconciles.
    const more = Math.floor(lateSeconds / 5);
    assert.ok(writes <= 6 + more, `${writes} writes, ${lateSeconds} s late`);
    assert.ok(reconcileCount <= 12 + 2 * more, `${reconcileCount} reconciles, ${lateSeconds} s late`);
  });
}

test('a run with long transfers costs at most one more write for each 5 s of them', async (world) => {
  const { writes, lateSeconds } = await cost(world, 'lasting', { download: 8, run: 1, upload: 8 });
  assert.ok(
    writes <= 6 + Math.floor((8 + 1 + 8 + lateSeconds) / 5),
    `${writes} writes, ${lateSeconds} s late`,
  );
});

test('a quiet run costs no reconcile and no write, though its worker is polled', async (world) => {
  const { client } = world.plane;
  const { worker } = world.cluster;
  worker.report = running;
  const run = await startedRun(world, 'quiet');
  await run.is(['Running']);
  const reconcilesBefore = await reconciles(world);
  const writesBefore = await writeCounts(client);
  const { questions } = worker;
  const isPolled = (now: number) => now - questions >= 3;
  await until('the worker is polled three times', () => worker.questions, {
    holds: isPolled,
    withinMs: 60_000,
  });
  assert.is(await reconciles(world), reconcilesBefore);
  assert.equal(ownWrites(moreThan(writesBefore, await writeCounts(client))), {});
  await run.podEnds(1, { report: succeeded });
  await run.is(['Succeeded']);
});

test('a run whose time to live is over is deleted, though the write of its end wakes no reconcile', async (world) => {
  world.cluster.worker.report = running;
  const run = await startedRun(world, 'mortal', { ttlSecondsAfterFinished: 1 });
  await run.podEnds(1, { report: succeeded });
  await run.isRemoved();
});

test('a new controller reports progress within seconds', async (world) => {
  const { client } = world.plane;
  const { worker } = world.cluster;
  worker.report = running;
  const run = await startedRun(world, 'handed-over');
  await run.is(['Running']);
  await world.controller.kill();
  await world.controller[Symbol.asyncDispose]();
  const further = { ...running, progress: { message: 'epoch 7', percent: 41 } };
  worker.report = further;
  await start(world);
  const contains = (text: string) => (object: unknown) => JSON.stringify(object).includes(text);
  await client.until(run.path, 'updated', { holds: contains('epoch 7') });
  await run.podEnds(1, { report: succeeded });
  await run.is(['Succeeded']);
});

test.run();
