import type { Connection } from '../../kube/connection.ts';
import { parseObjectMeta } from '../../kube/json.ts';
import { KubeError } from '../../kube/kube-error.ts';
import { paths } from '../../kube/paths.ts';
import { requestJson } from '../../kube/request.ts';
import { retriedRun, retryObstacle } from '../../kube/retried-run.ts';
import { specChange, type SpecVerb } from '../../kube/spec-changes.ts';
import type { ActionAnswer, ActionRequest, KindOfObject } from '../ui-messages.ts';

/** The path of one object on the API server. */
export function pathOf(of: KindOfObject, namespace: string, name: string): string {
  const collection = of === 'runs' ? paths.dockerRuns(namespace) : paths.sets(namespace);
  return `${collection}/${name}`;
}

/** Does what the user asked for, with the rights of the kubeconfig. Rejects with a KubeError. */
export async function act(
  connection: Connection,
  request: ActionRequest,
  signal: AbortSignal,
): Promise<ActionAnswer> {
  const { action, uid } = request;
  const path = pathOf(request.kind, request.namespace, request.name);
  switch (action) {
    case 'delete':
      await requestJson(connection, { method: 'DELETE', path, body: { preconditions: { uid } }, signal });
      return {};
    case 'retry':
      if (request.kind === 'runs') return retryRun(connection, request, signal);
      await change('retryFailed');
      return {};
    default:
      await change(action);
      return {};
  }

  async function change(verb: SpecVerb): Promise<void> {
    // The API server refuses another uid, so that a new object of the same name stays as it is.
    const body = { metadata: { uid }, spec: specChange(verb) };
    const contentType = 'application/merge-patch+json';
    await requestJson(connection, { method: 'PATCH', path, body, contentType, signal }).catch(
      (error: unknown) => {
        throw error instanceof KubeError && error.message.includes('metadata.uid')
          ? replaced(request.name)
          : error;
      },
    );
  }
}

function replaced(name: string): KubeError {
  return new KubeError(`${name} was deleted, and another object has its name now: open the list again`, {
    status: 409,
  });
}

const obstacles = {
  NotEnded: 'it has not ended: cancel it first',
  Chunk: 'it is a chunk of a set: retry the set instead',
} as const;

/** Creates another run with the spec of this one. */
async function retryRun(
  connection: Connection,
  { namespace, name, uid }: ActionRequest,
  signal: AbortSignal,
): Promise<ActionAnswer> {
  const path = pathOf('runs', namespace, name);
  const run = await requestJson(connection, { method: 'GET', path, signal });
  if (parseObjectMeta(run).uid !== uid) throw replaced(name);
  const obstacle = retryObstacle(run);
  if (obstacle !== undefined) throw new KubeError(`${name}: ${obstacles[obstacle]}`, { status: 409 });
  const collection = paths.dockerRuns(namespace);
  const made = await requestJson(connection, {
    ...{ method: 'POST', path: collection, body: retriedRun(run), signal },
  });
  return { created: parseObjectMeta(made).name };
}
