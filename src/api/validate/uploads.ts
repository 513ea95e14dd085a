import { metadataKeyProblem } from '../metadata-keys.ts';
import { resultUploadsOf } from '../result-uploads.ts';
import type { DockerRunSpec } from '../spec.ts';

/** Uploads that Girder would refuse after the target has done all its work. */
export function uploadProblems(spec: DockerRunSpec): string[] {
  return [...strangeMetadata(spec), ...namedDirectories(spec)];
}

function strangeMetadata(spec: DockerRunSpec): string[] {
  const hooks = resultUploadsOf(spec).map(({ field, upload }) => ({ field, metadata: upload.metadata }));
  const streams = (spec.transforms ?? []).map(({ name, connect }) => ({
    field: `spec.transforms: ${name}.connect.output.girderStreamToItem`,
    metadata: connect?.output.girderStreamToItem?.metadata,
  }));
  return [...hooks, ...streams].flatMap(({ field, metadata }) => {
    const problem = metadataKeyProblem(metadata);
    return problem === undefined ? [] : [`${field}.metadata: ${problem}`];
  });
}

/** Whether a volumePath is a file shows only when the target ended; a volume never is one. */
function namedDirectories(spec: DockerRunSpec): string[] {
  return resultUploadsOf(spec)
    .filter(({ upload, path }) => path === undefined && upload.filename !== undefined)
    .map(({ field, volume }) => `${field}.filename: it is for a file, but ${volume} is a whole volume`);
}
