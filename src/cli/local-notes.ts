import type { DockerRunSpec } from '../api/spec.ts';
import type { Manifest } from './manifest.ts';

const heldLimits = ['cpu', 'memory', 'nvidia.com/gpu'];

/** What of a file means nothing without a cluster and is passed over, one sentence each. */
export function ignoredFields(spec: DockerRunSpec, { ignored, secrets, file }: Manifest): string[] {
  const notes: string[] = [];
  const fields = fieldsOfACluster(spec);
  if (fields.length > 0) notes.push(`without a cluster these have no effect: ${fields.join(', ')}`);
  if (ignored.length > 0) notes.push(`ignored in ${file}: ${ignored.join(', ')}`);
  const references = spec.imagePullSecrets ?? [];
  if (references.length > 0 && secrets.length === 0) {
    notes.push(
      `${file} holds no Secret of spec.imagePullSecrets; the image is pulled with what docker login left`,
    );
  }
  return notes;
}

function fieldsOfACluster(spec: DockerRunSpec): string[] {
  const { requests = {}, limits = {} } = spec.resources ?? {};
  const requested = Object.keys(requests).filter((name) => name !== 'cpu');
  const limited = Object.keys(limits).filter((name) => !heldLimits.includes(name));
  const sized = (spec.volumes ?? []).filter(({ temporary }) => temporary?.sizeLimit !== undefined);
  return [
    ...(spec.nodeSelector === undefined ? [] : ['spec.nodeSelector']),
    ...(spec.ttlSecondsAfterFinished === undefined ? [] : ['spec.ttlSecondsAfterFinished']),
    ...(spec.backoffLimit > 0 ? ['spec.backoffLimit (a failed run is not tried again)'] : []),
    ...requested.map((name) => `spec.resources.requests.${name}`),
    ...limited.map((name) => `spec.resources.limits.${name}`),
    ...sized.map(({ name }) => `spec.volumes: ${name}.temporary.sizeLimit`),
  ];
}
