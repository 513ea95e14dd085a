/**
 * Measures what a large set costs the controller and the API server: all but the inputs themselves, with the real API
 * server, Job controller and garbage collector, and kubelets, workers and planners that are simulated.
 *
 *     node bench/set-control.ts [inputs, 100000] [pods at once, 50] [inputs of a chunk, 100]
 *     prettier --write docs/sets-figures.md
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { paths } from '../src/kube/paths.ts';
import { progressPort } from '../src/api/names.ts';
import { moreThan, writeCounts } from '../test/fixtures/api-counts.ts';
import { startControlPlane } from '../test/fixtures/control-plane.ts';
import { ControllerProcess } from '../test/fixtures/controller-process.ts';
import { freePorts } from '../test/fixtures/free-ports.ts';
import { privateAddress } from '../test/fixtures/private-address.ts';
import { running } from '../test/fixtures/scripted-run.ts';
import { SimulatedKubelet } from '../test/fixtures/simulated-kubelet.ts';
import { SimulatedSet } from '../test/fixtures/simulated-set.ts';
import { WorkerEndpoint } from '../test/fixtures/worker-endpoint.ts';
import { startWorkloadControllers } from '../test/fixtures/workload-controllers.ts';
import { writeFigures } from './figures-page.ts';

const [count = 100_000, parallelism = 50, items = 100] = process.argv.slice(2).map(Number);
const hourMs = 3_600_000;
const sampleMs = 2_000;

await using plane = await startControlPlane();
await using _ = startWorkloadControllers(plane);
const podIP = privateAddress();
await using kubelet = new SimulatedKubelet(plane.client, 0);
await using __ = await WorkerEndpoint.listen(podIP, progressPort, running);
const [metricsPort = 0] = await freePorts(1);
await using ___ = await ControllerProcess.start(plane.kubeconfig, {
  ...{ DOCKERRUN_METRICS_PORT: String(metricsPort), DOCKERRUN_LEADER_ELECTION: 'false' },
  DOCKERRUN_LOG_LEVEL: 'error',
});

async function metric(name: string): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text();
  return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1] ?? NaN);
}

const most = { objects: 0, bytes: 0, resident: 0, status: 0 };
await using set = await SimulatedSet.create({ client: plane.client, kubelet, podIP }, 'large', count);

async function sample(): Promise<void> {
  const kinds = [paths.dockerRuns(set.name), paths.jobs(set.name), paths.pods(set.name)];
  const objects = (await Promise.all(kinds.map((path) => plane.client.list(path)))).flat();
  most.objects = Math.max(most.objects, objects.length);
  most.bytes = Math.max(most.bytes, Buffer.byteLength(JSON.stringify(objects)));
  most.resident = Math.max(most.resident, await metric('process_resident_memory_bytes'));
  most.status = Math.max(most.status, Buffer.byteLength(JSON.stringify(await set.status())));
}

const idle = await metric('process_resident_memory_bytes');
const before = await writeCounts(plane.client);
const cpuBefore = await metric('process_cpu_seconds_total');
const began = performance.now();
await set.apply({ parallelism, canary: 0, chunk: { items, seconds: 86_400 } });
let sampledAt = 0;
await set.until(
  'is complete',
  async ({ phase }) => {
    if (performance.now() - sampledAt > sampleMs) {
      await sample();
      sampledAt = performance.now();
    }
    return phase === 'Complete';
  },
  3 * hourMs,
);
const seconds = (performance.now() - began) / 1000;
const cpu = (await metric('process_cpu_seconds_total')) - cpuBefore;
const writes = moreThan(before, await writeCounts(plane.client));
await sleep(sampleMs);
const done = set.planner.done.size;
if (done !== count) throw new Error(`${done} of ${count} inputs were done`);
console.log(Object.entries(writes).toSorted(([, x], [, y]) => y - x));
const sumOf = (isCounted: (key: string) => boolean) =>
  Object.entries(writes).reduce((sum, [key, value]) => sum + (isCounted(key) ? value : 0), 0);
const [all, withoutEvents] = [sumOf(() => true), sumOf((key) => !key.endsWith(' events'))];
const mib = (bytes: number) => (bytes / 2 ** 20).toFixed(0);
writeFigures({
  title: 'The controller with a large set',
  text: [
    'Written by `bench/set-control.ts`: the real controller, API server, Job controller and garbage collector; kubelets,',
    'workers and planners are simulated, and each pod ends as soon as it has started.',
  ],
  rows: [
    ['Inputs, pods at once, inputs of a chunk', `${count}, ${parallelism}, ${items}`],
    ['Pods that ran, one for each chunk', String(set.worked.length)],
    ['Seconds', seconds.toFixed(0)],
    ['Writes to the API server for an input, by everybody', (all / count).toFixed(2)],
    ['The same without Events', (withoutEvents / count).toFixed(2)],
    ['Most objects at once (runs, Jobs, pods)', String(most.objects)],
    ['Most bytes of them as JSON', String(most.bytes)],
    ['Most bytes of the status', String(most.status)],
    ['Memory of the controller before, and at most, in MiB', `${mib(idle)}, ${mib(most.resident)}`],
    ['Seconds of processor time of the controller', cpu.toFixed(0)],
  ],
});
