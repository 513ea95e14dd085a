import { AmqpProxy } from '../../fixtures/amqp-proxy.ts';
import { ApiProxy } from '../../fixtures/api-proxy.ts';
import { FaultProxy } from '../../fixtures/fault-proxy.ts';
import { girderEnvironment } from '../girder/real-girder.ts';
import type { BridgeLab, BridgeProcess } from './bridge-lab.ts';

/** A replica of the bridge that can be stopped on each of its wires. */
export class WiredReplica implements AsyncDisposable {
  readonly broker: AmqpProxy;
  readonly girder: FaultProxy;
  readonly api: ApiProxy;
  readonly bridge: BridgeProcess;

  private constructor(
    { broker, girder, api }: Pick<WiredReplica, 'broker' | 'girder' | 'api'>,
    bridge: BridgeProcess,
  ) {
    this.broker = broker;
    this.girder = girder;
    this.api = api;
    this.bridge = bridge;
  }

  /** A replica that is ready. */
  static async start(lab: BridgeLab, settings: object = {}): Promise<WiredReplica> {
    const broker = await AmqpProxy.start(lab.broker.url('bridge'));
    const girder = await FaultProxy.start(girderEnvironment().apiUrl);
    const api = await ApiProxy.start(lab.plane);
    const kubeconfig = lab.plane.kubeconfigFor(api.url);
    const bridge = await lab.bridge(settings, { broker: broker.url, girder: girder.url, kubeconfig });
    return new WiredReplica({ broker, girder, api }, bridge);
  }

  /** Removes the moments at which it was to be stopped. */
  heal(): void {
    for (const wire of [this.broker, this.girder, this.api]) wire.heal();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.bridge[Symbol.asyncDispose]();
    for (const wire of [this.broker, this.girder, this.api]) await wire[Symbol.asyncDispose]();
  }
}

/** Where a replica is when it is killed: it plans `pause` on one of its wires, for what it does with a job. */
export type KillPoint = {
  readonly name: string;
  readonly plan: (replica: WiredReplica, jobId: string, pause: () => Promise<unknown>) => void;
};

type When = 'before' | 'after';

/** Around the nth request that changes the job. */
export function aroundPut(nth: number, what: string, when: When): KillPoint {
  return {
    name: `${when} ${what}`,
    plan: ({ girder }, jobId, pause) => {
      const path = `job/${jobId}`;
      for (let earlier = 1; earlier < nth; earlier += 1)
        girder.fail('PUT', path, { first: () => Promise.resolve() });
      girder.fail('PUT', path, when === 'before' ? { first: pause } : { afterwards: pause });
    },
  };
}

/** Around the first request that reads the log of the job. */
export function aroundGet(when: When): KillPoint {
  return {
    name: `${when} its log is read`,
    plan: ({ girder }, jobId, pause) =>
      girder.fail('GET', `job/${jobId}`, when === 'before' ? { first: pause } : { afterwards: pause }),
  };
}

/** Around the next such request to the API server. */
export function aroundCall(verb: string, resource: string, when: When): KillPoint {
  return {
    name: `${when} ${verb} ${resource}`,
    plan: ({ api }, _, pause) =>
      api.fail(verb, resource, when === 'before' ? { first: pause } : { afterwards: pause }),
  };
}

/** Around the next such frame to or from RabbitMQ. */
export function aroundFrame(
  from: 'client' | 'broker',
  method: 'deliver' | 'publish' | 'ack' | 'commit',
  when: When,
): KillPoint {
  return {
    name: `${when} the frame ${method}`,
    plan: ({ broker }, _, pause) => broker.at({ from, method, when }, pause),
  };
}

/**
 * Waits until one of the replicas is at the point, and kills it there: nothing of what it would have done afterwards
 * has happened. Returns it.
 */
export async function killAt(
  replicas: readonly WiredReplica[],
  { point, jobId }: { readonly point: KillPoint; readonly jobId: string },
  act: () => Promise<unknown>,
): Promise<WiredReplica> {
  const reached = Promise.withResolvers<WiredReplica>();
  let isReached = false;
  for (const replica of replicas)
    point.plan(replica, jobId, () => {
      if (isReached) return Promise.resolve();
      isReached = true;
      reached.resolve(replica);
      return new Promise(() => undefined);
    });
  await act();
  const logs = () => replicas.map(({ bridge }) => bridge.log.slice(-2_000)).join('\n');
  const late = setTimeout(
    () => reached.reject(new Error(`no replica came to the point "${point.name}":\n${logs()}`)),
    pointMs,
  );
  const killed = await reached.promise.finally(() => clearTimeout(late));
  await killed.bridge.kill();
  await killed[Symbol.asyncDispose]();
  for (const replica of replicas) if (replica !== killed) replica.heal();
  return killed;
}

/** In milliseconds: a leader may have to be elected first. */
const pointMs = 90_000;
