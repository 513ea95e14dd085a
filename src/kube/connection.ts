import { readFileSync } from 'node:fs';
import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent, type AgentOptions, type RequestOptions } from 'node:https';
import { KubeConfig } from '@kubernetes/client-node';
import type { ApiCall } from './api-call.ts';

/** How to reach one API server: its address, one pool of connections, and headers that authenticate a request. */
export type Connection = {
  readonly server: URL;
  readonly agent: HttpAgent | HttpsAgent;
  /** Asked for each request, since tokens of service accounts rotate (client-node re-reads the file every minute). */
  readonly authenticate: () => Promise<Record<string, string>>;
  readonly namespace: string;
  /** Told of every request that was sent. */
  readonly observe?: (call: ApiCall) => void;
};

/** Reads KUBECONFIG, ~/.kube/config or the service account of the pod, in the order that kubectl does. */
export async function connect(): Promise<Connection> {
  const config = new KubeConfig();
  config.loadFromDefault();
  const cluster = config.getCurrentCluster();
  if (cluster === null) {
    throw new Error(
      'No Kubernetes cluster is configured: set KUBECONFIG, or run in a pod with a service account.',
    );
  }
  const tls = await tlsOptions(config);
  const pool = { keepAlive: true, keepAliveMsecs: 30_000, maxSockets: 64 };
  const server = new URL(cluster.server);
  return {
    server,
    agent: server.protocol === 'https:' ? new HttpsAgent({ ...pool, ...tls }) : new HttpAgent(pool),
    authenticate: () => authorization(config),
    namespace: podNamespace() ?? config.getContextObject(config.getCurrentContext())?.namespace ?? 'default',
  };
}

async function tlsOptions(config: KubeConfig): Promise<AgentOptions> {
  const options: RequestOptions = {};
  await config.applyToHTTPSOptions(options);
  const { ca, cert, key, rejectUnauthorized, servername } = options;
  return Object.fromEntries(
    Object.entries({ ca, cert, key, rejectUnauthorized, servername }).filter(
      ([, value]) => value !== undefined,
    ),
  );
}

async function authorization(config: KubeConfig): Promise<Record<string, string>> {
  const options: RequestOptions = { headers: {} };
  await config.applyToHTTPSOptions(options);
  const { headers } = options;
  if (headers === undefined || Array.isArray(headers)) return {};
  return Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) => (value === undefined ? [] : [[name, String(value)]])),
  );
}

function podNamespace(): string | undefined {
  try {
    return readFileSync('/var/run/secrets/kubernetes.io/serviceaccount/namespace', 'utf8').trim();
  } catch {
    return undefined;
  }
}
