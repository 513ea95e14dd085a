import { suite } from '../../fixtures/suite.ts';
import * as assert from 'uvu/assert';
import { apiVersion, kind } from '../../../src/api/names.ts';
import { paths } from '../../../src/kube/paths.ts';
import { parseList } from '../../../src/kube/json.ts';
import { requestJson } from '../../../src/kube/request.ts';
import { type ControlPlane, startControlPlane } from '../../fixtures/control-plane.ts';
import { ControllerProcess } from '../../fixtures/controller-process.ts';
import { freePorts } from '../../fixtures/free-ports.ts';
import { until } from '../../fixtures/until.ts';

/** Anyone who may create runs stores objects as large as the API server takes, to exhaust the controller's memory. */

type World = { plane: ControlPlane };
const test = suite<World>('large objects');

const mebi = 2 ** 20;

/** The limit of the chart, and what V8 makes of it: half for the heap, with the smallest young generation. */
const limitBytes = 512 * mebi;
const heapOptions = '--max-old-space-size=256 --max-semi-space-size=1';

/** What it may take with a thousand such runs: it takes 200 MiB. When it kept their specs, it took 315 MiB. */
const keptBytes = 260 * mebi;

test.before.each(async (world) => {
  world.plane = await startControlPlane();
});
test.after.each(async ({ plane }) => {
  await plane.close();
});

/** Its first list has more than 100 MB, which takes long on a busy machine. */
async function startController({ plane }: World): Promise<ControllerProcess> {
  const [port = 0] = await freePorts(1);
  const environment = { NODE_OPTIONS: heapOptions, DOCKERRUN_LEADER_ELECTION: 'false' };
  const controller = new ControllerProcess(plane.kubeconfig, port, environment);
  await controller.ready(120_000);
  return controller;
}

/** Creates runs with the same spec, some at a time. */
async function create({ plane }: World, count: number, specOf: (index: number) => object): Promise<void> {
  const left = Array.from({ length: count }, (_, index) => index);
  const some = async () => {
    for (let index = left.shift(); index !== undefined; index = left.shift()) {
      const body = { apiVersion, kind, metadata: { name: `large-${index}` }, spec: specOf(index) };
      await plane.client.create(paths.dockerRuns('default'), body);
    }
  };
  await Promise.all(Array.from({ length: 8 }, some));
}

/** A run of somebody else, which must get its Job. */
async function honestRunStarts({ plane }: World): Promise<void> {
  const body = { apiVersion, kind, metadata: { name: 'honest' }, spec: { image: 'busybox' } };
  await plane.client.create(paths.dockerRuns('default'), body);
  const jobs = () => plane.client.list(paths.jobs('default'), 'dockerrun.dev/run-name=honest');
  await until('the honest run has its Job', jobs, { holds: (found) => found.length === 1, withinMs: 60_000 });
}

/** Waits until all runs have this phase; asks for one that has another, as each may have more than a megabyte. */
async function untilAll({ plane }: World, phase: string): Promise<void> {
  const query = { fieldSelector: `status.phase!=${phase}`, limit: '1' };
  const others = async () => {
    const request = { method: 'GET', path: paths.dockerRuns('default'), query } as const;
    const signal = AbortSignal.timeout(30_000);
    return parseList(await requestJson(plane.client.connection, { ...request, signal })).items.length;
  };
  const holds = (count: number) => count === 0;
  await until(`all runs are ${phase}`, others, { holds, withinMs: 120_000, everyMs: 500 });
}

test('a list of 120 runs of 1.4 MB fits into the memory limit, and each of them is refused', async (world) => {
  const args = Array.from({ length: 43 }, () => 'x'.repeat(32_768));
  await create(world, 120, () => ({ image: 'busybox', args }));
  await using controller = await startController(world);
  await untilAll(world, 'Failed');
  await honestRunStarts(world);
  const peak = controller.peakBytes;
  assert.ok(peak < limitBytes, `it has had ${peak} bytes of memory at once`);
});

test('a thousand suspended runs with the largest specs are kept without their 96 MB of specs', async (world) => {
  const count = 1_000;
  const args = (index: number) =>
    Array.from({ length: 3 }, (_, part) => `${index}.${part}`.padEnd(32_000, 'x'));
  await create(world, count, (index) => ({ image: 'busybox', suspend: true, args: args(index) }));
  await using controller = await startController(world);
  await untilAll(world, 'Suspended');
  await honestRunStarts(world);
  const peak = controller.peakBytes;
  assert.ok(peak < keptBytes, `it has had ${peak} bytes of memory at once`);
});

test.run();
