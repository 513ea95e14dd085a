import { engineLabel } from '../api/names.ts';
import type { Connection } from '../kube/connection.ts';
import { listAt, recordAt, textAt } from '../kube/json.ts';
import { isNotFound } from '../kube/kube-error.ts';
import { ListWatch } from '../kube/list-watch.ts';
import { paths } from '../kube/paths.ts';
import { requestJson } from '../kube/request.ts';
import { KeyedQueue, type Next } from '../runtime/queue.ts';
import { aborted, deadline } from '../support/abort.ts';
import { describe } from '../support/errors.ts';
import type { Logger } from '../support/log.ts';

/** The value of the label: what the agent of a node says of the Docker Engine there. */
type EngineState = 'ready' | 'unready';

/** A pod of the node agent. */
export type AgentPod = {
  readonly node: string | undefined;
  readonly isReady: boolean;
  readonly isGone: boolean;
};

type LabelledNode = { readonly name: string; readonly label: string | undefined };

/** The label of the pods of the node agent, as the chart sets it. */
const agentSelector = 'app.kubernetes.io/component=node-agent';

const requestMs = 10_000;
const stopMs = 1_000;

type EngineLabelsOptions = {
  readonly connection: Connection;
  /** The namespace of the node agent, in which nobody else may create pods. */
  readonly namespace: string;
  readonly log: Logger;
};

/** Keeps the label of each node that says whether targets can run there. Only the leader does. */
export class EngineLabels {
  readonly #options: EngineLabelsOptions;
  readonly #agents: ListWatch<AgentPod>;
  readonly #nodes: ListWatch<LabelledNode>;
  readonly #queue: KeyedQueue;

  constructor(options: EngineLabelsOptions) {
    const { connection, namespace, log } = options;
    this.#options = options;
    this.#agents = new ListWatch({
      ...{ connection, log, path: paths.pods(namespace), labelSelector: agentSelector },
      parse: parseAgentPod,
      onChange: ({ node }) => node !== undefined && this.#queue.add(node),
    });
    this.#nodes = new ListWatch({
      ...{ connection, log, path: paths.nodes() },
      parse: parseNode,
      onChange: ({ name }) => this.#queue.add(name),
    });
    this.#queue = new KeyedQueue({
      handle: (node) => this.#label(node),
      concurrency: 4,
      backoff: { firstMs: 500, maxMs: 60_000 },
      spacingMs: 1_000,
    });
  }

  /** Resolves some time after the signal has aborted. */
  async run(signal: AbortSignal): Promise<void> {
    const watching = Promise.all([this.#agents.run(signal), this.#nodes.run(signal)]);
    await aborted(signal);
    await Promise.all([watching, this.#queue.stop(stopMs)]);
  }

  async #label(name: string): Promise<Next> {
    // Before both lists are complete, a node without an agent may only seem to have none.
    if (!this.#agents.synced || !this.#nodes.synced) return { kind: 'requeueAfter', milliseconds: 500 };
    const node = this.#nodes.get(`/${name}`);
    if (node === undefined) return { kind: 'done' };
    const state = engineStateOf(this.#agents.values().filter((agent) => agent.node === name));
    if (node.label === state) return { kind: 'done' };
    const { connection, log } = this.#options;
    try {
      await requestJson(connection, {
        method: 'PATCH',
        path: `${paths.nodes()}/${name}`,
        contentType: 'application/merge-patch+json',
        body: { metadata: { labels: { [engineLabel]: state ?? null } } },
        signal: deadline(requestMs),
      });
      log.info({ node: name, engine: state ?? 'unknown' }, 'labelled node');
      return { kind: 'done' };
    } catch (error) {
      if (isNotFound(error)) return { kind: 'done' };
      log.warn({ node: name, error: describe(error) }, 'cannot label node');
      return { kind: 'retry', error };
    }
  }
}

/** Undefined without an agent: nothing is known then. While an agent is replaced, the new one counts. */
export function engineStateOf(agents: readonly AgentPod[]): EngineState | undefined {
  const present = agents.filter(({ isGone }) => !isGone);
  if (present.length === 0) return undefined;
  return present.some(({ isReady }) => isReady) ? 'ready' : 'unready';
}

function parseAgentPod(object: unknown): AgentPod {
  const status = recordAt(object, 'status');
  const ready = listAt(status, 'conditions').find((one) => textAt(one, 'type') === 'Ready');
  return {
    node: textAt(recordAt(object, 'spec'), 'nodeName'),
    isReady: textAt(ready, 'status') === 'True',
    isGone: textAt(recordAt(object, 'metadata'), 'deletionTimestamp') !== undefined,
  };
}

function parseNode(object: unknown): LabelledNode {
  const metadata = recordAt(object, 'metadata');
  return { name: textAt(metadata, 'name') ?? '', label: textAt(recordAt(metadata, 'labels'), engineLabel) };
}
