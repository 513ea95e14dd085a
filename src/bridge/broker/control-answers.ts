import { isRecord, parseJson, textOf } from '../../api/json-values.ts';

/** Celery's control messages, which Girder's page of workers sends: parsed and answered without I/O. */

/** In bytes: Girder's have a few hundred. */
export const maxControlBytes = 64 * 1024;
/** How many task ids of a `revoke` are looked at, and how many runs are listed in an answer. */
export const maxRevoked = 1_000;
export const maxListed = 100;

const replyExchange = 'reply.celery.pidbox';

export type ControlRequest = {
  readonly method: string;
  readonly revoked: readonly string[];
  readonly ticket: string | undefined;
  /** Where the answer belongs; undefined when none is expected. */
  readonly replyTo: { readonly exchange: string; readonly routingKey: string } | undefined;
  /** The names of the workers that the request is for; undefined for all. */
  readonly destination: readonly string[] | undefined;
};

/** A request, or undefined for what is not one, or not in bounds. */
export function parseControl(content: Buffer): ControlRequest | undefined {
  if (content.length > maxControlBytes) return undefined;
  const value = parseJson(content.toString('utf8'));
  if (!isRecord(value)) return undefined;
  const method = textOf(value['method']);
  // Celery's patterns address workers by name; nothing of Girder uses them.
  if (method === undefined || textOf(value['pattern']) !== undefined) return undefined;
  const replyTo = isRecord(value['reply_to']) ? value['reply_to'] : {};
  const routingKey = textOf(replyTo['routing_key']);
  const exchange = textOf(replyTo['exchange']);
  return {
    method,
    revoked: method === 'revoke' ? revokedIn(value['arguments']) : [],
    ticket: textOf(value['ticket']),
    // Not to any exchange that the request names: the bridge may publish where its sender may not.
    replyTo:
      routingKey === undefined || exchange !== replyExchange || routingKey.length > 255
        ? undefined
        : { exchange, routingKey },
    destination: Array.isArray(value['destination'])
      ? value['destination'].filter((name) => typeof name === 'string')
      : undefined,
  };
}

function revokedIn(given: unknown): readonly string[] {
  const ids = isRecord(given) ? given['task_id'] : undefined;
  const list: readonly unknown[] = Array.isArray(ids) ? ids : [ids];
  return list.slice(0, maxRevoked).filter((id) => typeof id === 'string');
}

/** A run as Girder's page shows it to every user: names only. */
export type ListedRun = {
  readonly taskId: string;
  readonly name: string;
  readonly queue: string;
  /** In seconds since 1970. */
  readonly since: number;
};

export type WorkerState = {
  /** `dockerrun@<pod>` */
  readonly name: string;
  readonly version: string;
  readonly queues: readonly string[];
  readonly maxRuns: number;
  /** Of all replicas: runs whose worker has started, and runs that wait for one. */
  readonly running: number;
  readonly waiting: number;
  /** The same runs in the answer of one replica only, because Girder's page shows the workers below each other. */
  readonly isLeading: boolean;
  readonly active: readonly ListedRun[];
  readonly reserved: readonly ListedRun[];
  /** Runs of the bridge that there are, ended ones included. */
  readonly accepted: number;
};

/** The name that Girder's page expects of every task; which kind it was makes no difference here. */
const taskName = 'girder_worker.docker.tasks.docker_run';

/** What a worker of Celery answers; undefined for methods that need no answer. */
export function answerTo(method: string, state: WorkerState): unknown {
  switch (method) {
    case 'ping':
      return { ok: 'pong' };
    case 'report':
      return { ok: reportOf(state) };
    case 'stats':
      return {
        total: { [taskName]: state.accepted },
        pool: { 'max-concurrency': state.maxRuns, implementation: 'DockerRun' },
        pid: 1,
        prefetch_count: 0,
      };
    case 'active':
      return state.active.slice(0, maxListed).map((run) => listed(run, state));
    case 'reserved':
      return state.reserved.slice(0, maxListed).map((run) => listed(run, state));
    case 'active_queues':
      return state.queues.map((name) => ({
        name,
        routing_key: name,
        exchange: { name: '', type: 'direct' },
      }));
    default:
      return undefined;
  }
}

function reportOf({ version, queues, running, waiting, isLeading, maxRuns }: WorkerState): string {
  return [
    `DockerRun ${version}: docker_run on Kubernetes`,
    `queues: ${queues.join(', ')}`,
    `DockerRuns of all replicas: ${running} running, ${waiting} waiting, at most ${maxRuns} unfinished`,
    ...(isLeading ? [] : ['another replica lists them']),
  ].join('\n');
}

function listed({ taskId, name, queue, since }: ListedRun, { name: hostname }: WorkerState): object {
  return {
    id: taskId,
    name: taskName,
    type: taskName,
    hostname,
    time_start: since,
    args: '[]',
    kwargs: JSON.stringify({ DockerRun: name }),
    acknowledged: true,
    worker_pid: 1,
    delivery_info: { exchange: '', routing_key: queue, priority: 0, redelivered: false },
  };
}
