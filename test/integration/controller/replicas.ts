import { apiVersion, jobName, kind, plural } from '../../../src/api/names.ts';
import { paths } from '../../../src/kube/paths.ts';
import { parseObjectMeta, recordAt, textAt } from '../../../src/kube/json.ts';
import type { ControllerProcess } from '../../fixtures/controller-process.ts';
import type { KubeClient } from '../../fixtures/kube-client.ts';

const namespace = 'default';
const leasePath = `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases/dockerrun-controller`;

/** Which of these holds the lease now, by what the Lease itself says. */
async function leaderOf(
  client: KubeClient,
  controllers: readonly ControllerProcess[],
): Promise<ControllerProcess | undefined> {
  const lease = await client.get(leasePath).catch(() => undefined);
  const holder = textAt(recordAt(lease, 'spec'), 'holderIdentity') ?? '';
  return holder === '' ? undefined : controllers.find((one) => identitiesOf(one).includes(holder));
}

function identitiesOf({ log }: ControllerProcess): unknown[] {
  return log.filter(({ msg }) => msg === 'leading').map(({ identity }) => identity);
}

/** Waits until one of these leads; gives it first, and then the others. */
export async function led(
  client: KubeClient,
  controllers: readonly ControllerProcess[],
  withinMs = 30_000,
): Promise<readonly [ControllerProcess, ...ControllerProcess[]]> {
  const end = performance.now() + withinMs;
  while (performance.now() < end) {
    const leader = await leaderOf(client, controllers);
    if (leader !== undefined) return [leader, ...controllers.filter((one) => one !== leader)];
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`nobody leads: ${JSON.stringify(controllers.map(({ log }) => log.slice(-5)))}`);
}

/** Applies a DockerRun that is valid and needs nothing. */
export async function createRun(client: KubeClient, name: string): Promise<{ name: string; uid: string }> {
  const body = { apiVersion, kind, metadata: { name }, spec: { image: 'busybox', args: ['true'] } };
  const { uid } = parseObjectMeta(await client.create(paths.dockerRuns(namespace), body));
  return { name, uid };
}

/** Waits for the Job of a run; gives how many milliseconds that took. */
export async function jobMadeIn(
  client: KubeClient,
  run: { name: string; uid: string },
  withinMs: number,
): Promise<number> {
  const start = performance.now();
  await client.until(jobPath(run), 'made', () => true, withinMs);
  return performance.now() - start;
}

function jobPath(run: { name: string; uid: string }): string {
  return `${paths.jobs(namespace)}/${jobName(run)}`;
}

/** The path of a run. */
export function runPath(name: string): string {
  return `/apis/${apiVersion}/namespaces/${namespace}/${plural}/${name}`;
}

/** What a controller logged with this message. */
export function logged(controller: ControllerProcess, message: string): Record<string, unknown>[] {
  return controller.log.filter(({ msg }) => msg === message);
}
