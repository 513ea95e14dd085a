import type { Connection } from '../kube/connection.ts';
import { KubeError } from '../kube/kube-error.ts';
import { paths } from '../kube/paths.ts';
import { requestJson } from '../kube/request.ts';
import type { Logger } from '../support/log.ts';
import { Feed } from './server/feed.ts';
import { startUiServer } from './server/ui-server.ts';

export type UiOptions = {
  readonly connection: Connection;
  /** The only namespace to show; undefined for all that the user may see. */
  readonly namespace: string | undefined;
  /** 0 for any free one. */
  readonly port: number;
  readonly log: Logger;
  readonly stop: AbortSignal;
  /** Called once the page can be opened. */
  readonly onReady: (address: string, namespace: string | undefined) => void;
};

/**
 * Serves the page until `stop` aborts. Without a namespace it shows all of them, or only that of the kubeconfig's
 * context if the user may not list DockerRuns of the whole cluster.
 *
 * @throws KubeError if the API server does not answer, or refuses
 */
export async function serveUi({
  connection,
  port,
  log,
  stop,
  onReady,
  ...options
}: UiOptions): Promise<void> {
  const mayShow = options.namespace !== undefined || (await mayListAll(connection, stop));
  const namespace = mayShow ? options.namespace : connection.namespace;
  const feed = new Feed(connection, namespace, log);
  await using server = await startUiServer({ connection, feed, stop }, port);
  onReady(server.address, namespace);
  await feed.run(stop);
}

async function mayListAll(connection: Connection, signal: AbortSignal): Promise<boolean> {
  try {
    await requestJson(connection, { method: 'GET', path: paths.dockerRuns(), query: { limit: '1' }, signal });
    return true;
  } catch (error) {
    if (error instanceof KubeError && error.status === 403) return false;
    throw error;
  }
}
