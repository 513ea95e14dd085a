import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { apiVersion, kind } from '../../../src/api/names.ts';
import { paths } from '../../../src/kube/paths.ts';
import { recordAt } from '../../../src/kube/json.ts';
import { type ControlPlane, startControlPlane } from '../../fixtures/control-plane.ts';
import { ControllerProcess } from '../../fixtures/controller-process.ts';
import { until } from '../../fixtures/until.ts';

/** Whoever may create runs stores objects as large as the API server takes, to exhaust the controller's memory. */

type World = { plane: ControlPlane };
const test = suite<World>('large objects');

const mebi = 2 ** 20;

/** The limit of the chart, and what V8 makes of it: half for the heap, with the smallest young generation. */
const limitBytes = 512 * mebi;
const heapOptions = '--max-old-space-size=256 --max-semi-space-size=1';

test.before.each(async (world) => {
  world.plane = await startControlPlane();
});
test.after.each(async ({ plane }) => {
  await plane.close();
});

const startController = ({ plane }: World) =>
  ControllerProcess.start(plane.kubeconfig, {
    NODE_OPTIONS: heapOptions,
    DOCKERRUN_LEADER_ELECTION: 'false',
  });

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
  await until('the honest run has its Job', jobs, { holds: (found) => found.length === 1, withinMs: 10_000 });
}

const phaseOf = (run: unknown) => recordAt(run, 'status')['phase'];

/** How many of the large runs have this phase; asks for a few at a time, as each may have more than a megabyte. */
async function countOf({ plane }: World, phase: string, count: number): Promise<number> {
  const phases: unknown[] = [];
  for (let index = 0; index < count; index += 1)
    phases.push(phaseOf(await plane.client.get(`${paths.dockerRuns('default')}/large-${index}`)));
  return phases.filter((one) => one === phase).length;
}

test('a list of 120 runs of 1.4 MB fits into the memory limit, and each of them is refused', async (world) => {
  const args = Array.from({ length: 43 }, () => 'x'.repeat(32_768));
  await create(world, 120, () => ({ image: 'busybox', args }));
  await using controller = await startController(world);
  await until('all large runs have failed', () => countOf(world, 'Failed', 120), {
    holds: (count) => count === 120,
    withinMs: 120_000,
    everyMs: 1_000,
  });
  await honestRunStarts(world);
  const peak = controller.peakBytes;
  console.log(`peak ${(peak / mebi).toFixed(0)} MiB`);
  assert.ok(peak < limitBytes, `it has had ${peak} bytes of memory at once`);
});

const suspendedCount = Number(process.env['COUNT'] ?? 1000);

test('suspended runs with the largest specs cost', async (world) => {
  const args = (index: number) =>
    Array.from({ length: 3 }, (_, part) => `${index}.${part}`.padEnd(32_000, 'x'));
  await create(world, suspendedCount, (index) => ({ image: 'busybox', suspend: true, args: args(index) }));
  await using controller = await startController(world);
  await until('all large runs are suspended', () => countOf(world, 'Suspended', suspendedCount), {
    holds: (count) => count === suspendedCount,
    withinMs: 120_000,
    everyMs: 1_000,
  });
  await honestRunStarts(world);
  const peak = controller.peakBytes;
  console.log(`peak ${(peak / mebi).toFixed(0)} MiB`);
});

test.run();
