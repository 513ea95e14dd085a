import fc from 'fast-check';
import { suite } from '../../fixtures/suite.ts';
import * as assert from 'uvu/assert';
import { isRecord } from '../../../src/api/json-values.ts';
import { apiVersion, kind } from '../../../src/api/names.ts';
import { paths } from '../../../src/kube/paths.ts';
import { recordAt, textAt } from '../../../src/kube/json.ts';
import { type ControlPlane, startControlPlane } from '../../fixtures/control-plane.ts';
import { ControllerProcess } from '../../fixtures/controller-process.ts';
import { hostileTexts } from '../../fixtures/builders-hostile.ts';
import { aStatus, aStoredRun } from '../../fixtures/stored-objects.ts';
import { until } from '../../fixtures/until.ts';

/** Generated runs that a real API server takes, beside those that it refuses, under a running controller. */

type World = { plane: ControlPlane; controller: ControllerProcess; stack: AsyncDisposableStack };
const test = suite<World>('stored objects');

const seed = Number(process.env['SEED'] ?? 1);

/** How many runs are stored, and how many texts are tried for that at most. */
const wanted = 200;
const mostTries = 4_000;

/** What the chart gives the controller. */
const limitBytes = 512 * 2 ** 20;
const heapOptions = '--max-old-space-size=256 --max-semi-space-size=1';

test.before(async (world) => {
  world.stack = new AsyncDisposableStack();
  world.plane = world.stack.use(await startControlPlane());
  const environment = { NODE_OPTIONS: heapOptions, DOCKERRUN_LEADER_ELECTION: 'false' };
  world.controller = world.stack.use(await ControllerProcess.start(world.plane.kubeconfig, environment));
});
test.after(({ stack }) => stack.disposeAsync());

/** The API server gives an object these itself. */
const ofServer = ['uid', 'generation', 'creationTimestamp', 'resourceVersion', 'namespace'];

function bodyOf(text: string, name: string): Record<string, unknown> {
  const object = JSON.parse(text) as Record<string, unknown>;
  const given = isRecord(object['metadata']) ? Object.entries(object['metadata']) : [];
  const kept = Object.fromEntries(given.filter(([key]) => !ofServer.includes(key)));
  return { ...object, apiVersion, kind, metadata: { ...kept, name } };
}

/** Stores runs until there are enough, some at a time; returns their names and how many were refused. */
async function store({ plane }: World): Promise<{ stored: string[]; refused: number }> {
  const texts = fc.sample(hostileTexts(aStoredRun(), ['metadata.name']), { seed, numRuns: mostTries });
  const statuses = fc.sample(hostileTexts(aStatus()), { seed, numRuns: wanted });
  const stored: string[] = [];
  let refused = 0;
  let next = 0;
  const some = async () => {
    while (stored.length < wanted && next < texts.length) {
      const index = next++;
      const name = `stored-${index}`;
      const body = bodyOf(texts[index] ?? '{}', name);
      const created = await plane.client.create(paths.dockerRuns('default'), body).then(
        () => true,
        () => false,
      );
      if (!created) refused += 1;
      else stored.push(name);
      // Every other one also gets a status that no controller writes; most of these are refused.
      if (created && index % 2 === 0) await forge(plane, name, statuses[stored.length % wanted] ?? '{}');
    }
  };
  await Promise.all(Array.from({ length: 8 }, some));
  return { stored, refused };
}

async function forge({ client }: ControlPlane, name: string, status: string): Promise<void> {
  const path = `${paths.dockerRuns('default')}/${name}/status`;
  await client.merge(path, { status: JSON.parse(status) as unknown }).catch(() => undefined);
}

test('each of 200 generated runs gets a status, and a run of somebody else its Job', async (world) => {
  const { plane, controller } = world;
  const { stored, refused } = await store(world);
  console.log(`${stored.length} stored, ${refused} refused`);
  assert.ok(stored.length >= wanted, `only ${stored.length} were stored`);
  assert.ok(refused > 0, 'none was refused');

  const honest = { apiVersion, kind, metadata: { name: 'honest' }, spec: { image: 'busybox' } };
  await plane.client.create(paths.dockerRuns('default'), honest);
  const jobs = () => plane.client.list(paths.jobs('default'), 'dockerrun.dev/run-name=honest');
  await until('the honest run has its Job', jobs, { holds: (found) => found.length === 1, withinMs: 60_000 });

  const without = async () => {
    const runs = await plane.client.list(paths.dockerRuns('default'));
    const bare = runs.filter((run) => textAt(recordAt(run, 'status'), 'phase') === undefined);
    return bare.map((run) => textAt(recordAt(run, 'metadata'), 'name') ?? '?');
  };
  const holds = (names: readonly string[]) => names.length === 0;
  const context = () => JSON.stringify(controller.log.slice(-3));
  await until('every run has a phase', without, { holds, withinMs: 60_000, everyMs: 500, context });
  assert.ok(controller.isRunning);
  const failures = controller.log.filter(({ level }) => Number(level) >= 50);
  assert.equal(failures, []);
  assert.ok(controller.peakBytes < limitBytes, `it has had ${controller.peakBytes} bytes of memory at once`);
});

test.run();
