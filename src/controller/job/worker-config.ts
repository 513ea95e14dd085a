import type { V1EnvVar } from '@kubernetes/client-node';
import { isSampled, ofTraces, sampledShare, traceSettings } from '../../support/trace/settings.ts';
import { rootSpanOf, traceparent, traceparentVariable } from '../../support/trace/trace.ts';

/** What the worker's pods need to know of the nodes. */
export type WorkerConfig = {
  readonly image: string;
  readonly imagePullPolicy: string;
  readonly dockerSocket: string;
  readonly kubeletRoot: string;
  readonly cgroupRoot: string;
  readonly logLevel: string;
  /** What they trace with, when the operator traces. */
  readonly tracing?: WorkerTracing;
};

/** What the pods of workers need to send traces. */
type WorkerTracing = {
  /** The share of runs whose workers trace. */
  readonly share: number;
  /** Standard variables of OpenTelemetry, by name. */
  readonly variables: Readonly<Record<string, string>>;
  /** Of the operator's OTEL_RESOURCE_ATTRIBUTES those that are true of workers too, as they are written there. */
  readonly attributes: readonly string[];
};

type Environment = Record<string, string | undefined>;

/** Where workers send their traces, if not where the controller does. */
const workerEndpointVariable = 'DOCKERRUN_WORKER_OTLP_ENDPOINT';

/**
 * Reads what the controller hands to workers; nothing when it does not trace itself. Headers of its own exporter stay
 * with it, and so does an endpoint with a user or a query: they hold credentials, and whoever may read a pod would have
 * them.
 */
export function readWorkerTracing(environment: Environment): WorkerTracing | undefined {
  const settings = traceSettings(environment);
  const endpoint = endpointOf(environment);
  if (settings.kind === 'off' || Object.values(endpoint).some(holdsCredentials)) return undefined;
  const protocol = ofTraces(environment, 'PROTOCOL');
  return {
    share: sampledShare(environment),
    variables: {
      ...endpoint,
      ...(protocol === undefined ? {} : { OTEL_EXPORTER_OTLP_PROTOCOL: protocol }),
    },
    attributes: attributesOfAll(environment['OTEL_RESOURCE_ATTRIBUTES'] ?? ''),
  };
}

/** An endpoint for traces is used as it is, one for everything gets `/v1/traces` appended by the exporter. */
function endpointOf(environment: Environment): Record<string, string> {
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

/** Without what is said of the controller's own process, container and pod. */
function attributesOfAll(text: string): string[] {
  const pairs = text.split(',').map((pair) => pair.trim());
  return pairs.filter(
    (pair) => /^[^=]+=/.test(pair) && !/^(k8s|service|container|process|host)\./.test(pair),
  );
}

/** Where the Job controller writes on a pod which Job it is of. */
const jobNameLabel = 'batch.kubernetes.io/job-name';

/**
 * The variables that put a worker's spans into the trace of its run; none when it has no trace. The kubelet fills in
 * the names of pod, node and Job, as it does for OpenTelemetry's own operator.
 */
export function tracingEnvironment(
  run: { readonly namespace: string; readonly uid: string },
  tracing: WorkerTracing | undefined,
): V1EnvVar[] {
  const root = rootSpanOf(run.uid);
  if (tracing === undefined || !isSampled(root.traceId, tracing.share)) return [];
  const fromField = (name: string, fieldPath: string): V1EnvVar => ({
    name,
    valueFrom: { fieldRef: { fieldPath } },
  });
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

export function literal(value: string): string {
  return value.replaceAll('$', '$$$$');
}
