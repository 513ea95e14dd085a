import { defined } from '../api/json-values.ts';
import { workerEnvironment } from '../api/run-plan.ts';
import { certificatesOf, parseProxy } from '../support/egress.ts';
import { describe } from '../support/errors.ts';
import { readWorkerTracing, type WorkerConfig } from './job/worker-config.ts';

/** The controller's settings, which come from its environment. */
export type ControllerConfig = {
  readonly worker: WorkerConfig;
  readonly logLevel: string;
  readonly healthPort: number;
  /** 0 turns the metrics off. */
  readonly metricsPort: number;
  /** Without it, every replica reconciles, so there must be only one. */
  readonly leaderElection: boolean;
  /** The namespace of the node agent; undefined when it is not installed. */
  readonly nodeAgentNamespace: string | undefined;
  /** No run starts while there is no DockerRunPolicy, so that deleting it lifts no restriction. */
  readonly policyRequired: boolean;
  /** Undefined when the admission webhook is off. */
  readonly webhook: WebhookConfig | undefined;
};

export type WebhookConfig = {
  readonly port: number;
  /** The name by which the API server calls it: `<service>.<namespace>.svc`. */
  readonly host: string;
  /** Of the Secret with its certificate and of the ValidatingWebhookConfiguration. */
  readonly name: string;
  /** Where another program keeps `tls.crt` and `tls.key`; the controller then makes none. */
  readonly certificateDirectory: string | undefined;
};

/** Reads the settings. @throws {TypeError} a setting is invalid; the message names the first such setting. */
export function readConfig(environment: Record<string, string | undefined>): ControllerConfig {
  const setting = (name: string, fallback: string) => environment[name] || fallback;
  const absolute = (name: string, fallback: string) => {
    const path = setting(name, fallback);
    if (!path.startsWith('/'))
      throw new TypeError(`${name} must be an absolute path on the nodes, not "${path}"`);
    return path;
  };
  const names = (name: string) =>
    setting(name, '')
      .split(',')
      .filter((text) => text !== '');
  const port = (name: string, fallback: string) => {
    const number = Number(setting(name, fallback));
    if (Number.isInteger(number) && number > 0 && number < 65536) return number;
    throw new TypeError(`${name} must be a port from 1 to 65535, not "${environment[name]}"`);
  };
  const flag = (name: string, fallback: string) => {
    const text = setting(name, fallback);
    if (text === 'true' || text === 'false') return text === 'true';
    throw new TypeError(`${name} must be true or false, not "${text}"`);
  };
  const webhookPort = setting('DOCKERRUN_WEBHOOK_PORT', '0');
  const webhook = (): WebhookConfig => ({
    port: port('DOCKERRUN_WEBHOOK_PORT', '0'),
    host: setting('DOCKERRUN_WEBHOOK_HOST', 'localhost'),
    name: setting('DOCKERRUN_WEBHOOK_NAME', 'dockerrun-controller-webhook'),
    certificateDirectory: environment['DOCKERRUN_WEBHOOK_CERTIFICATES'] || undefined,
  });
  const tracing = readWorkerTracing(environment);
  const nodeAgentNamespace = environment['DOCKERRUN_NODE_AGENT_NAMESPACE'] || undefined;
  const image = environment['DOCKERRUN_IMAGE'];
  if (image === undefined || image === '')
    throw new TypeError('DOCKERRUN_IMAGE must name the image of the worker');
  return {
    worker: {
      image,
      imagePullPolicy: setting('DOCKERRUN_IMAGE_PULL_POLICY', 'IfNotPresent'),
      imagePullSecrets: names('DOCKERRUN_IMAGE_PULL_SECRETS'),
      dockerSocket: absolute('DOCKERRUN_DOCKER_SOCKET', '/var/run/docker.sock'),
      kubeletRoot: absolute('DOCKERRUN_KUBELET_ROOT', '/var/lib/kubelet'),
      cgroupRoot: absolute('DOCKERRUN_CGROUP_ROOT', '/'),
      logLevel: setting('DOCKERRUN_WORKER_LOG_LEVEL', 'warn'),
      onReadyNodes: nodeAgentNamespace !== undefined,
      ...readEgress(environment),
      ...defined({ tracing }),
    },
    logLevel: setting('DOCKERRUN_LOG_LEVEL', 'info'),
    healthPort: port('DOCKERRUN_HEALTH_PORT', '8081'),
    metricsPort: environment['DOCKERRUN_METRICS_PORT'] === '0' ? 0 : port('DOCKERRUN_METRICS_PORT', '8080'),
    nodeAgentNamespace,
    leaderElection: flag('DOCKERRUN_LEADER_ELECTION', 'true'),
    policyRequired: flag('DOCKERRUN_POLICY_REQUIRED', 'false'),
    webhook: webhookPort === '0' ? undefined : webhook(),
  };
}

/** Bytes. A bundle is a variable of every pod, and part of every Job. */
const maxBundleBytes = 64 * 1024;

/**
 * Reads how workers reach servers: the settings `DOCKERRUN_WORKER_…` for the variables of workers.
 * @throws TypeError one is invalid; the message names it and holds no password
 */
function readEgress(environment: Record<string, string | undefined>): Pick<WorkerConfig, 'egress'> {
  const { caBundle, httpProxy, httpsProxy, noProxy } = workerEnvironment;
  const egress: Record<string, string> = {};
  for (const name of [caBundle, httpProxy, httpsProxy, noProxy]) {
    const setting = name.replace('DOCKERRUN_', 'DOCKERRUN_WORKER_');
    const value = environment[setting];
    if (!value) continue;
    try {
      if (name === caBundle) checkBundle(value);
      else if (name !== noProxy) parseProxy(value);
    } catch (error) {
      throw new TypeError(`${setting}: ${describe(error)}`, { cause: error });
    }
    egress[name] = value;
  }
  return Object.keys(egress).length === 0 ? {} : { egress };
}

function checkBundle(bundle: string): void {
  certificatesOf(bundle);
  if (Buffer.byteLength(bundle) > maxBundleBytes) {
    throw new TypeError(`the CA bundle is longer than ${maxBundleBytes / 1024} KiB`);
  }
}
