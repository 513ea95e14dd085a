import type { ApiCall } from '../../kube/api-call.ts';
import { type Connection, connect } from '../../kube/connection.ts';
import type { ControllerMetrics } from './instruments.ts';

/** The HTTP methods of Kubernetes' verbs that are not GET. */
const methods: Readonly<Record<string, string>> = {
  create: 'POST',
  patch: 'PATCH',
  update: 'PUT',
  delete: 'DELETE',
};

/** A connection to the configured API server whose calls are counted and timed. */
export async function connectObserved(metrics: ControllerMetrics): Promise<Connection> {
  const connection = await connect();
  return { ...connection, observe: observeCalls(metrics, connection.server.host) };
}

/** Counts and times the calls to one API server. */
function observeCalls(metrics: ControllerMetrics, host: string): (call: ApiCall) => void {
  return ({ verb, code, seconds }) => {
    const method = methods[verb] ?? 'GET';
    const answer = code === 0 ? '<error>' : String(code);
    metrics.count('rest_client_requests_total', { code: answer, method, host });
    metrics.observe('rest_client_request_duration_seconds', { verb: method, host }, seconds);
  };
}

/** Shows whether this replica leads. */
export function observeLeading(metrics: ControllerMetrics, lease: string): (leads: boolean) => void {
  const show = (leads: boolean) =>
    metrics.set('leader_election_master_status', { name: lease }, leads ? 1 : 0);
  show(false);
  return show;
}
