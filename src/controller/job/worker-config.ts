import type { V1EnvVar } from '@kubernetes/client-node';
import { isSampled, sampledShare, traceSettings, traceVariable } from '../../support/trace/settings.ts';
import { rootSpanOf, traceparent, traceparentVariable } from '../../support/trace/trace.ts';

/** What the administrator configured for all workers; paths are those of the nodes. */
export type WorkerConfig = {
  readonly image: string;
  readonly imagePullPolicy: string;
  /** Names of Secrets in the namespaces of runs; the kubelet ignores those that a namespace does not have. */
  readonly imagePullSecrets: readonly string[];
  readonly dockerSocket: string;
  readonly kubeletRoot: string;
  readonly cgroupRoot: string;
  readonly logLevel: string;
  /** Whether pods only go to nodes whose agent says that the Docker Engine answers. */
  readonly onReadyNodes: boolean;
  /** How workers reach servers, as variables of `workerEnvironment`; absent ones are not set. */
  readonly egress?: Readonly<Record<string, string>>;
  /** Absent when workers do not trace. */
  readonly tracing?: WorkerTracing;
};

type WorkerTracing = {
  /** The share of runs whose workers trace, from 0 to 1. */
  readonly share: number;
  /** Standard variables of OpenTelemetry, by name. */
  readonly variables: Readonly<Record<string, string>>;
  /** Those of the controller's OTEL_RESOURCE_ATTRIBUTES that are true of workers too, as `key=value`. */
  readonly attributes: readonly string[];
};

type Environment = Record<string, string | undefined>;

/**
 * Reads how workers trace; undefined when they do not. Neither the exporter's headers nor an endpoint with a
 * user or a query is passed on: they hold credentials, which anyone who may read a pod would see.
 */
export function readWorkerTracing(environment: Environment): WorkerTracing | undefined {
  const settings = traceSettings(environment);
  const endpoint = endpointFor(environment);
  if (settings.kind === 'off' || Object.values(endpoint).some(holdsCredentials)) return undefined;
  const protocol = traceVariable(environment, 'PROTOCOL');
  return {
    share: sampledShare(environment),
    variables: {
      ...endpoint,
      ...(protocol === undefined ? {} : { OTEL_EXPORTER_OTLP_PROTOCOL: protocol }),
    },
    attributes: sharedAttributes(environment['OTEL_RESOURCE_ATTRIBUTES'] ?? ''),
  };
}

/** The endpoint of workers, if it is not the one that the controller itself sends traces to. */
const workerEndpointVariable = 'DOCKERRUN_WORKER_OTLP_ENDPOINT';

/** An endpoint for traces is used as it is; to a general one, the exporter appends `/v1/traces`. */
function endpointFor(environment: Environment): Record<string, string> {
  const ofWorkers = environment[workerEndpointVariable];
  if (ofWorkers) return { OTEL_EXPORTER_OTLP_ENDPOINT: ofWorkers };
  const ofTracesOnly = environment['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT'];
  return ofTracesOnly
    ? { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: ofTracesOnly }
    : { OTEL_EXPORTER_OTLP_ENDPOINT: environment['OTEL_EXPORTER_OTLP_ENDPOINT'] ?? '' };
}

function holdsCredentials(endpoint: string): boolean {
  if (!URL.canParse(endpoint)) return false;
  const { username, password, search } = new URL(endpoint);
  return `${username}${password}${search}` !== '';
}

/** Leaves out attributes of the controller's own process, container, pod and host. */
function sharedAttributes(text: string): string[] {
  const pairs = text.split(',').map((pair) => pair.trim());
  return pairs.filter(
    (pair) => /^[^=]+=/.test(pair) && !/^(k8s|service|container|process|host)\./.test(pair),
  );
}

/** The label that the Job controller puts on each pod of a Job. */
const jobNameLabel = 'batch.kubernetes.io/job-name';

/**
 * The variables that put a worker's spans into the trace of its run; empty when the run is not traced. The
 * kubelet fills in the names of pod, node and Job, as it does for OpenTelemetry's own operator.
 */
export function tracingEnvironment(
  run: { readonly namespace: string; readonly uid: string },
  tracing: WorkerTracing | undefined,
): V1EnvVar[] {
  const root = rootSpanOf(run.uid);
  if (tracing === undefined || !isSampled(root.traceId, tracing.share)) return [];
  const attributes = [
    ...tracing.attributes.map(literal),
    `k8s.namespace.name=${run.namespace}`,
    'k8s.pod.name=$(OTEL_RESOURCE_ATTRIBUTES_POD_NAME)',
    'k8s.node.name=$(OTEL_RESOURCE_ATTRIBUTES_NODE_NAME)',
    'k8s.job.name=$(OTEL_RESOURCE_ATTRIBUTES_JOB_NAME)',
  ];
  return [
    ...Object.entries(tracing.variables).map(([name, value]) => ({ name, value: literal(value) })),
    fromField('OTEL_RESOURCE_ATTRIBUTES_POD_NAME', 'metadata.name'),
    fromField('OTEL_RESOURCE_ATTRIBUTES_NODE_NAME', 'spec.nodeName'),
    fromField('OTEL_RESOURCE_ATTRIBUTES_JOB_NAME', `metadata.labels['${jobNameLabel}']`),
    { name: 'OTEL_RESOURCE_ATTRIBUTES', value: attributes.join(',') },
    { name: traceparentVariable, value: traceparent(root) },
  ];
}

function fromField(name: string, fieldPath: string): V1EnvVar {
  return { name, valueFrom: { fieldRef: { fieldPath } } };
}

/** Escapes a value of a variable, in which the kubelet would otherwise expand `$(name)`. */
export function literal(value: string): string {
  return value.replaceAll('$', '$$$$');
}
