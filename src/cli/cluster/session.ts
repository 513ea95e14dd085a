import { apiVersion, kind, plural, setKind, setPlural } from '../../api/names.ts';
import { connect, type Connection, NoKubeconfig } from '../../kube/connection.ts';
import { KubeError } from '../../kube/kube-error.ts';
import { listPages } from '../../kube/list-pages.ts';
import { paths } from '../../kube/paths.ts';
import { requestJson } from '../../kube/request.ts';
import { describe } from '../../support/errors.ts';
import { CommandLineError, type Given, ownCodes, UsageError } from '../arguments.ts';
import type { Terminal } from '../terminal.ts';
import { isStored, type StoredObject } from './stored-object.ts';
import { type Target, type TargetKind, titleOf } from './targets.ts';

/** The cluster refused a request or did not answer; exit code 1. */
export class ClusterError extends UsageError {
  override readonly name = 'ClusterError';
  override readonly exitCode = ownCodes.failed;
}

/** The API server of the kubeconfig, with the rights of its user. */
export type Session = {
  readonly connection: Connection;
  readonly namespace: string;
  readonly terminal: Terminal;
};

/** @throws ClusterError if the kubeconfig cannot be used */
export async function openSession(given: Given, terminal: Terminal): Promise<Session> {
  const [kubeconfig, context, namespace] = ['kubeconfig', 'context', 'namespace'].map((name) =>
    given.text(name),
  );
  if (namespace !== undefined && !/^[a-z0-9-]{1,63}$/.test(namespace))
    throw new CommandLineError(`--namespace ${namespace}: it cannot be the name of a namespace`);
  try {
    const connection = await connect({ kubeconfig, context, namespace });
    return { connection, namespace: connection.namespace, terminal: stoppedWithOutput(terminal) };
  } catch (error) {
    if (error instanceof NoKubeconfig)
      throw new ClusterError('there is no kubeconfig: set KUBECONFIG, or use --kubeconfig');
    throw new ClusterError(`the kubeconfig cannot be used: ${describe(error)}`);
  }
}

/** Without anyone who reads the output, as in `dockerrun watch | head`, a command stops. */
function stoppedWithOutput(terminal: Terminal): Terminal {
  const closed = new AbortController();
  terminal.stdout.once('error', (error) => closed.abort(error));
  return { ...terminal, stop: AbortSignal.any([terminal.stop, closed.signal]) };
}

type Request = Omit<Parameters<typeof requestJson>[1], 'signal'>;

/** @throws ClusterError with one sentence and what to do */
export async function ask(session: Session, request: Request): Promise<unknown> {
  const { stop } = session.terminal;
  try {
    return await requestJson(session.connection, { ...request, signal: stop });
  } catch (error) {
    stop.throwIfAborted();
    throw clusterError(error, session);
  }
}

/** What the API server said, in one sentence, and what the user can do. */
export function clusterError(error: unknown, { connection, namespace }: Session): Error {
  if (!(error instanceof KubeError)) return error instanceof Error ? error : new Error(String(error));
  const [message, hint] = [error.message.replace(/(?<![.\s])[.\s]+$/, ''), hintOf(error, namespace)];
  if (error.status === 0)
    return new ClusterError(`cannot reach the API server ${connection.server.origin}: ${message}; ${hint}`, {
      cause: error,
    });
  return new ClusterError(hint === undefined ? message : `${message}; ${hint}`, { cause: error });
}

function hintOf({ status, reason, message }: KubeError, namespace: string): string | undefined {
  switch (status) {
    case 0:
      return 'check the context (kubectl config current-context) and the network to the cluster';
    case 401:
      return 'the credentials of the context are not valid: log in again';
    case 403:
      return /exceeded quota/.test(message)
        ? 'delete runs that have ended, or ask for a larger quota'
        : `ask for the role dockerrun-user or edit in the namespace ${namespace} (docs/namespaces.md)`;
    case 404:
      if (/^namespaces "/.test(message))
        return 'choose another with --namespace, or create it: kubectl get namespaces shows what there is';
      // Of an object, the message has its name in quotes.
      return /"[^"]+" not found/.test(message)
        ? 'dockerrun list shows what there is'
        : `the cluster does not know ${apiVersion}: install the operator as docs/install.md describes`;
    case 409:
      return reason === 'AlreadyExists' ? 'use another name, or --generate-name' : 'try again';
    default:
      return undefined;
  }
}

/** The path of the collection of a kind; of the whole cluster without a namespace. */
export function collectionOf(of: TargetKind, namespace: string | undefined): string {
  return of === 'run' ? paths.dockerRuns(namespace) : paths.sets(namespace);
}

/** The resource as kubectl prints it before a name. */
export function resourceOf(of: TargetKind): string {
  return `${(of === 'run' ? kind : setKind).toLowerCase()}.dockerrun.dev`;
}

/** @throws ClusterError also if it does not exist */
export async function getTarget(session: Session, target: Target): Promise<StoredObject> {
  const path = `${collectionOf(target.kind, session.namespace)}/${target.name}`;
  return checked(await ask(session, { method: 'GET', path }), titleOf(target));
}

/** The answer of the API server as an object. */
export function checked(answer: unknown, what: string): StoredObject {
  if (isStored(answer)) return answer;
  throw new ClusterError(`the API server did not answer with the object ${what}`);
}

export type Selection = {
  readonly kind: TargetKind;
  /** Undefined for all namespaces. */
  readonly namespace: string | undefined;
  readonly labelSelector?: string | undefined;
  readonly fieldSelector?: string | undefined;
};

/** All objects of a selection, in the order of the API server: by namespace and name. */
export async function listObjects(session: Session, selection: Selection): Promise<StoredObject[]> {
  const { stop } = session.terminal;
  const { kind: of, namespace, labelSelector, fieldSelector } = selection;
  const path = collectionOf(of, namespace);
  let found: StoredObject[] = [];
  try {
    await listPages(
      session.connection,
      { path, labelSelector, fieldSelector, signal: stop },
      (page, isFirst) => {
        if (isFirst) found = [];
        // The objects in a list have no kind of their own.
        const names = { apiVersion, kind: of === 'run' ? kind : setKind };
        for (const object of page) if (isStored(object)) found.push({ ...names, ...object });
      },
    );
    return found;
  } catch (error) {
    stop.throwIfAborted();
    throw clusterError(error, session);
  }
}

/** The plural as in the address of the resource. */
export const pluralOf = (of: TargetKind) => (of === 'run' ? plural : setPlural);
