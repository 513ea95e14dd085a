/**
 * What makes known injectors leave the operator's pods alone. A container that they add could read the
 * worker's volumes, which include the Docker socket, and would keep the pod running after its worker ended.
 */
type OptOut = {
  readonly injector: string;
  readonly kind: 'label' | 'annotation';
  readonly key: string;
  readonly value: string;
};

const optOuts: readonly OptOut[] = [
  { injector: 'Istio', kind: 'label', key: 'sidecar.istio.io/inject', value: 'false' },
  { injector: 'Istio', kind: 'annotation', key: 'sidecar.istio.io/inject', value: 'false' },
  { injector: 'Istio (ambient)', kind: 'label', key: 'istio.io/dataplane-mode', value: 'none' },
  { injector: 'Linkerd', kind: 'annotation', key: 'linkerd.io/inject', value: 'disabled' },
  { injector: 'Kuma', kind: 'label', key: 'kuma.io/sidecar-injection', value: 'disabled' },
  { injector: 'Consul', kind: 'annotation', key: 'consul.hashicorp.com/connect-inject', value: 'false' },
  { injector: 'Vault', kind: 'annotation', key: 'vault.hashicorp.com/agent-inject', value: 'false' },
  { injector: 'OpenBao', kind: 'annotation', key: 'openbao.org/agent-inject', value: 'false' },
  { injector: 'Dapr', kind: 'annotation', key: 'dapr.io/enabled', value: 'false' },
  { injector: 'Datadog', kind: 'label', key: 'admission.datadoghq.com/enabled', value: 'false' },
  ...['java', 'nodejs', 'python', 'dotnet', 'go', 'apache-httpd', 'nginx', 'sdk'].map((language) => ({
    injector: 'OpenTelemetry',
    kind: 'annotation' as const,
    key: `instrumentation.opentelemetry.io/inject-${language}`,
    value: 'false',
  })),
  { injector: 'OpenTelemetry', kind: 'annotation', key: 'sidecar.opentelemetry.io/inject', value: 'false' },
];

const ofKind = (kind: OptOut['kind']): Readonly<Record<string, string>> =>
  Object.fromEntries(optOuts.filter((row) => row.kind === kind).map(({ key, value }) => [key, value]));

export const optOutLabels = ofKind('label');
export const optOutAnnotations = ofKind('annotation');
