import { temporaryVolumeName } from '../names.ts';
import { placeOf } from '../places.ts';
import { referencedNames } from '../references.ts';
import { resultUploadsOf } from '../result-uploads.ts';
import type { DockerRunSpec } from '../spec.ts';

/** Names that mean two things, and names that mean nothing. */
export function nameProblems(spec: DockerRunSpec): string[] {
  return [
    ...duplicateNames(spec),
    ...unknownReferences(spec),
    ...unknownVolumes(spec),
    ...unknownUploads(spec),
  ];
}

/** How many names a sentence lists before it only counts. */
const mostListed = 10;

function listed(names: readonly string[]): string {
  const more = names.length - mostListed;
  return names.slice(0, mostListed).join(', ') + (more > 0 ? ` and ${more} more` : '');
}

function volumeNames(spec: DockerRunSpec): string[] {
  return [temporaryVolumeName, ...(spec.volumes ?? []).map((volume) => volume.name)];
}

function duplicateNames(spec: DockerRunSpec): string[] {
  const volumes = new Set(volumeNames(spec));
  return (spec.transforms ?? [])
    .filter(({ name }) => volumes.has(name))
    .map(
      ({ name }) => `spec.transforms: "${name}" is also the name of a volume, so $(${name}) could mean both`,
    );
}

function unknownReferences(spec: DockerRunSpec): string[] {
  const transforms = spec.transforms ?? [];
  const known = new Set([
    ...volumeNames(spec),
    ...transforms.filter((transform) => placeOf(transform) !== undefined).map(({ name }) => name),
  ]);
  const withoutPath = new Set(transforms.map(({ name }) => name).filter((name) => !known.has(name)));
  const choice = listed([...known]);
  return (['command', 'args'] as const).flatMap((field) =>
    (spec[field] ?? []).flatMap((text, index) =>
      referencedNames(text)
        .filter((name) => !known.has(name))
        .map((name) => {
          const where = `spec.${field}[${index}]: $(${name})`;
          if (withoutPath.has(name)) return `${where} has no path: no named pipe is part of that connect`;
          return `${where} is no volume or transform of this run (known: ${choice}); write $$(${name}) if the text itself is meant`;
        }),
    ),
  );
}

function unknownVolumes(spec: DockerRunSpec): string[] {
  const known = new Set(volumeNames(spec));
  return (spec.transforms ?? []).flatMap((transform) => {
    const place = placeOf(transform);
    if (place === undefined || known.has(place.volume)) return [];
    return [
      `spec.transforms: ${transform.name}.${place.field}.volume: "${place.volume}" is no volume of this run`,
    ];
  });
}

function unknownUploads(spec: DockerRunSpec): string[] {
  const paths = (spec.transforms ?? []).filter(({ volumePath }) => volumePath !== undefined);
  const known = new Set([...volumeNames(spec), ...paths.map(({ name }) => name)]);
  return resultUploadsOf(spec)
    .filter(({ upload }) => !known.has(upload.volumePath))
    .map(
      ({ field, upload }) =>
        `${field}.volumePath: "${upload.volumePath}" is no volumePath transform and no volume of this run`,
    );
}
