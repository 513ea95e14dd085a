import { setTimeout as sleep } from 'node:timers/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { apiVersion, kind, progressPort } from '../../../src/api/names.ts';
import type { Report } from '../../../src/api/report.ts';
import { isNotFound } from '../../../src/kube/kube-error.ts';
import { paths } from '../../../src/kube/resources.ts';
import { parseObjectMeta, recordAt, textAt } from '../../../src/kube/wire.ts';
import { moreThan, writeCounts } from '../../fixtures/api-counts.ts';
import { type ControlPlane, startControlPlane } from '../../fixtures/control-plane.ts';
import { ControllerProcess } from '../../fixtures/controller-process.ts';
import { freePorts } from '../../fixtures/free-ports.ts';
import { SimulatedJob } from '../../fixtures/simulated-job.ts';
import { until } from '../../fixtures/until.ts';
import { WorkerEndpoint } from '../../fixtures/worker-endpoint.ts';

type World = { plane: ControlPlane; controller: ControllerProcess; metricsPort: number };
const test = suite<World>('write budget of the controller');
const namespace = 'default';

/** Addresses of the loopback network that no other test plays a pod at. */
const podAddress = () => `127.${100 + (process.pid % 100)}.${Math.floor(process.pid / 100) % 250}.2`;

test.before(async (world) => {
  world.plane = await startControlPlane();
  await start(world);
});
test.after(async ({ plane, controller }) => {
  await controller[Symbol.asyncDispose]();
  await plane.close();
});

async function start(world: World): Promise<void> {
  [world.metricsPort = 0] = await freePorts(1);
  const environment = {
    ...{ DOCKERRUN_METRICS_PORT: String(world.metricsPort), DOCKERRUN_LEADER_ELECTION: 'false' },
  };
  world.controller = await ControllerProcess.start(world.plane.kubeconfig, environment);
}

/** How many reconciles the controller's process has made, by its own metrics. */
async function reconciles({ metricsPort }: World): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text();
  const counts = [...text.matchAll(/^controller_runtime_reconcile_total\{.*\} (\d+)$/gm)];
  return counts.reduce((sum, [, value]) => sum + Number(value), 0);
}

async function createRun({ plane: { client } }: World, name: string, more: object = {}) {
  const spec = { image: 'busybox', args: ['true'], ...more };
  const body = { apiVersion, kind, metadata: { name }, spec };
  const { uid } = parseObjectMeta(await client.create(paths.dockerRuns(namespace), body));
  return { namespace, name, uid, path: `${paths.dockerRuns(namespace)}/${name}` };
}

function phaseIs(phase: string) {
  return (run: unknown) => textAt(recordAt(run, 'status'), 'phase') === phase;
}

const download = (bytes: number): Report => ({
  phase: 'Preparing',
  progress: { message: 'Downloading ct', percent: bytes },
  transfers: [{ name: 'ct', direction: 'download', bytes, totalBytes: 100 }],
});
const target = { containerID: 'c', startedAt: '2026-01-02T03:04:05Z' };
const running: Report = { phase: 'Running', progress: { message: 'The target runs.' }, target };
const ended = { ...target, exitCode: 0, finishedAt: '2026-01-02T03:04:15Z' };
const upload = (bytes: number): Report => ({
  phase: 'Uploading',
  progress: { message: 'Uploading mask', percent: bytes },
  target: ended,
  transfers: [{ name: 'mask', direction: 'upload', bytes, totalBytes: 100 }],
});
const succeeded: Report = { ...upload(100), phase: 'Succeeded', reason: 'Succeeded', message: 'Done.' };

/** The writes that only a controller makes, and not the hand that plays the cluster. */
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

/** Says something new of a transfer every tenth of a second, for as long as it shall last. */
async function transfer(endpoint: WorkerEndpoint, report: (percent: number) => Report, seconds: number) {
  const steps = seconds * 10;
  for (let step = 1; step <= steps; step += 1) {
    endpoint.report = report(Math.floor((100 * step) / steps));
    await sleep(100);
  }
}

type Seconds = { readonly download: number; readonly run: number; readonly upload: number };
type Cost = { readonly writes: number; readonly looks: number };

/** Plays a run whose parts last so many seconds; gives what it cost. */
async function cost(world: World, name: string, seconds: Seconds): Promise<Cost> {
  const { client } = world.plane;
  const [writesBefore, reconcilesBefore] = [await writeCounts(client), await reconciles(world)];
  const address = podAddress();
  await using endpoint = await WorkerEndpoint.listen(address, progressPort, download(1));
  const run = await createRun(world, name);
  const job = new SimulatedJob(client, run);
  await job.start(address);
  await transfer(endpoint, download, seconds.download);
  endpoint.report = running;
  await client.until(run.path, 'running', { holds: phaseIs('Running') });
  await sleep(seconds.run * 1_000);
  await transfer(endpoint, upload, seconds.upload);
  await job.succeed(JSON.stringify(succeeded));
  await client.until(run.path, 'at its end', { holds: phaseIs('Succeeded') });
  await sleep(1_000);
  const writes = ownWrites(moreThan(writesBefore, await writeCounts(client)));
  const looks = (await reconciles(world)) - reconcilesBefore;
  console.log(`${name}: ${JSON.stringify(writes)}, ${looks} reconciles`);
  assert.is(writes['POST jobs'], 1);
  return { writes: sum(writes), looks };
}

/** Plays it again when it costs too much: a busy machine makes its parts last longer, and that costs more. */
async function costAtBest(world: World, name: string, seconds: Seconds, most: Cost): Promise<Cost> {
  const first = await cost(world, name, seconds);
  const isFair = first.writes <= most.writes && first.looks <= most.looks;
  return isFair ? first : cost(world, `${name}-again`, seconds);
}

for (const [name, seconds] of [
  ['quick', { download: 1, run: 5, upload: 1 }],
  ['slower', { download: 3, run: 1, upload: 3 }],
] as const) {
  test(`a run with ${name} transfers costs 6 writes and 12 reconciles at most`, async (world) => {
    const { writes, looks } = await costAtBest(world, name, seconds, { writes: 6, looks: 12 });
    assert.ok(writes <= 6, `${writes} writes`);
    assert.ok(looks <= 12, `${looks} reconciles`);
  });
}

test('a run whose transfers last costs one more write for each five seconds of them at most', async (world) => {
  const { writes } = await cost(world, 'lasting', { download: 8, run: 1, upload: 8 });
  assert.ok(writes <= 6 + Math.floor((8 + 1 + 8) / 5), `${writes} writes`);
});

test('a quiet run costs no reconcile and no write, though its worker is asked', async (world) => {
  const { client } = world.plane;
  const address = podAddress();
  await using endpoint = await WorkerEndpoint.listen(address, progressPort, running);
  const run = await createRun(world, 'quiet');
  const job = new SimulatedJob(client, run);
  await job.start(address);
  await client.until(run.path, 'running', { holds: phaseIs('Running') });
  await sleep(1_000);
  const [writesBefore, reconcilesBefore] = [await writeCounts(client), await reconciles(world)];
  const { questions } = endpoint;
  await sleep(10_000);
  await until('its worker is asked twice', () => endpoint.questions - questions >= 2, { withinMs: 30_000 });
  assert.is(await reconciles(world), reconcilesBefore);
  assert.equal(ownWrites(moreThan(writesBefore, await writeCounts(client))), {});
  await job.succeed(JSON.stringify(succeeded));
  await client.until(run.path, 'at its end', { holds: phaseIs('Succeeded') });
});

test('a run whose time to live is over is deleted, though the write of its end wakes nobody', async (world) => {
  const { client } = world.plane;
  const address = podAddress();
  await using _ = await WorkerEndpoint.listen(address, progressPort, running);
  const run = await createRun(world, 'mortal', { ttlSecondsAfterFinished: 1 });
  const job = new SimulatedJob(client, run);
  await job.start(address);
  await job.succeed(JSON.stringify(succeeded));
  const end = performance.now() + 30_000;
  while (await client.get(run.path).then(() => true, isStillThere)) {
    assert.ok(performance.now() < end, 'it is still there');
    await sleep(100);
  }
});

const isStillThere = (error: unknown) => !isNotFound(error);

test('another controller tells the progress again within seconds, and the end that a worker waits to tell', async (world) => {
  const { client } = world.plane;
  const address = podAddress();
  await using endpoint = await WorkerEndpoint.listen(address, progressPort, running);
  const run = await createRun(world, 'handed-over');
  const job = new SimulatedJob(client, run);
  await job.start(address);
  await client.until(run.path, 'running', { holds: phaseIs('Running') });
  await world.controller.kill();
  await world.controller[Symbol.asyncDispose]();
  const further = { ...running, progress: { message: 'epoch 7', percent: 41 } };
  endpoint.report = further;
  await start(world);
  const says = (text: string) => (object: unknown) => JSON.stringify(object).includes(text);
  await client.until(run.path, 'told', { holds: says('epoch 7') });
  const results = Array.from({ length: 40 }, (_, index) => ({
    ...{ hook: 0, itemId: 'i', fileId: `f${index}`, name: `${index}.txt`, size: 1, sha256: '0'.repeat(64) },
  }));
  const before = endpoint.questions;
  endpoint.report = { ...succeeded, results };
  await client.until(run.path, 'written down', { holds: says('f39') });
  await until('the worker is asked once more, which lets it end', () => endpoint.questions >= before + 2);
  await job.succeed(JSON.stringify({ ...succeeded, results: results.slice(0, 3), resultCount: 40 }));
  const end = await client.until(run.path, 'at its end', { holds: phaseIs('Succeeded') });
  assert.match(JSON.stringify(end), /f39/);
});

test.run();
