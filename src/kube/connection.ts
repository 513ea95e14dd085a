import { readFileSync } from 'node:fs';
import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent, type AgentOptions, type RequestOptions } from 'node:https';
import { KubeConfig } from '@kubernetes/client-node';

/** How to reach one API server: its address, one connection pool, and headers that authenticate a request. */
export type Connection = {
  readonly server: URL;
  readonly agent: HttpAgent | HttpsAgent;
  /** Called for each request: service account tokens rotate; client-node rereads them every minute. */
  readonly authenticate: () => Promise<Record<string, string>>;
  readonly namespace: string;
  /** Every answer sets it. */
  readonly clock: ServerClock;
  /** Called after every request that was sent. */
  readonly observe?: (call: ApiCall) => void;
};

/** One request to the API server, for metrics. */
export type ApiCall = {
  /** One of get, list, watch, create, update, patch and delete. */
  readonly verb: string;
  /** The plural, and the subresource after a slash: `pods`, `dockerruns/status`. */
  readonly resource: string;
  /** The HTTP status code; 0 when no answer came. */
  readonly code: number;
  /** Until the headers of the answer arrived. */
  readonly seconds: number;
};

/** What a person chooses, as with the options of kubectl; the rest comes from the kubeconfig. */
export type Choice = {
  readonly kubeconfig?: string | undefined;
  readonly context?: string | undefined;
  readonly namespace?: string | undefined;
};

/** There is neither a kubeconfig nor the service account of a pod. */
export class NoKubeconfig extends Error {
  override readonly name = 'NoKubeconfig';

  constructor() {
    super('there is no kubeconfig: set KUBECONFIG, or run in a pod with a service account');
  }
}

/** What the client library makes of nothing, as kubectl does. */
const [inventedContext, inventedServer] = ['loaded-context', 'http://localhost:8080'];

/**
 * Reads KUBECONFIG, ~/.kube/config or the pod's service account, in kubectl's order.
 * @throws NoKubeconfig; Error for one that cannot be used
 */
export async function connect(choice: Choice = {}): Promise<Connection> {
  const config = readKubeconfig(choice);
  const cluster = config.getCurrentCluster();
  if (cluster === null)
    throw new Error('no current context with a cluster: choose one with kubectl config use-context');
  const isInvented = config.getCurrentContext() === inventedContext && cluster.server === inventedServer;
  if (isInvented) throw new NoKubeconfig();
  const tls = await tlsOptions(config);
  const pool = { keepAlive: true, keepAliveMsecs: 30_000, maxSockets: 64 };
  const server = new URL(cluster.server);
  return {
    server,
    agent: server.protocol === 'https:' ? new HttpsAgent({ ...pool, ...tls }) : new HttpAgent(pool),
    authenticate: () => authorization(config),
    clock: new ServerClock(),
    namespace: choice.namespace ?? namespaceOf(config, choice),
  };
}

function readKubeconfig({ kubeconfig, context }: Choice): KubeConfig {
  const config = new KubeConfig();
  if (kubeconfig === undefined) config.loadFromDefault();
  else config.loadFromFile(kubeconfig);
  if (context === undefined) return config;
  if (config.getContextObject(context) === null) {
    const names = config.getContexts().map(({ name }) => name);
    throw new Error(`The kubeconfig has no context ${context}, only: ${names.join(', ')}`);
  }
  config.setCurrentContext(context);
  return config;
}

function namespaceOf(config: KubeConfig, { kubeconfig, context }: Choice): string {
  const own = kubeconfig === undefined && context === undefined ? podNamespace() : undefined;
  return own ?? config.getContextObject(config.getCurrentContext())?.namespace ?? 'default';
}

/** The names of the contexts of a kubeconfig. */
export function contextNames(choice: Choice): string[] {
  return readKubeconfig({ kubeconfig: choice.kubeconfig })
    .getContexts()
    .map(({ name }) => name);
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

const writes: Readonly<Record<string, string>> = {
  POST: 'create',
  PUT: 'update',
  PATCH: 'patch',
  DELETE: 'delete',
};

/** Names a request as Kubernetes' audit log and RBAC do. */
export function verbAndResource(request: {
  method: string;
  path: string;
  query?: Record<string, string>;
}): Pick<ApiCall, 'verb' | 'resource'> {
  const { resource, isNamed } = partsOf(request.path);
  const isWatch = request.query?.['watch'] === 'true';
  const read = isWatch ? 'watch' : isNamed ? 'get' : 'list';
  return { verb: writes[request.method] ?? read, resource };
}

function partsOf(path: string): { resource: string; isNamed: boolean } {
  const [root, ...rest] = path.split('/').filter((part) => part !== '');
  const below = rest.slice(root === 'api' ? 1 : 2);
  const inNamespace = below[0] === 'namespaces' && below.length > 2;
  const [plural = '', name, subresource] = inNamespace ? below.slice(2) : below;
  return {
    resource: subresource === undefined ? plural : `${plural}/${subresource}`,
    isNamed: name !== undefined,
  };
}

/**
 * The API server's time, from the Date of its answers. What the controller compares with a time that the API server
 * wrote, it compares with this one, because its own clock may be wrong by hours. Between two answers, it advances with
 * the monotonic clock. It is right to a second, and to the delay of an answer.
 */
export class ServerClock {
  /** The time of the server minus `performance.now()`, in milliseconds; of our own clock before the first answer. */
  #offset = performance.timeOrigin;

  /** Takes the Date of an answer whose request was sent, and whose headers arrived, at these `performance.now()`. */
  observe(date: string | undefined, sentAt: number, receivedAt: number = performance.now()): void {
    const time = Date.parse(date ?? '');
    if (Number.isNaN(time)) return;
    // The Date has whole seconds, and was written between request and answer.
    const [least, most] = [time - receivedAt, time + 1_000 - sentAt];
    this.#offset = Math.min(most, Math.max(least, this.#offset));
  }

  now(at: number = performance.now()): Date {
    return new Date(this.#offset + at);
  }
}
