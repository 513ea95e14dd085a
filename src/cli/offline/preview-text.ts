import type { Keys, RunPreview } from './run-preview.ts';

/** A preview for people: a line for each thing, below a title for each kind of things. */
export function previewText(title: string, preview: RunPreview): string {
  const sections = [
    section('Image', [`${preview.image} (pull: ${preview.imagePullPolicy})`]),
    section('Runs', [commandText(preview)]),
    section(
      'Variables',
      preview.env.map(({ name, value }) => `${name}=${shown(value)}`),
    ),
    section(
      'Mounts',
      preview.mounts.map(({ path, from, readOnly }) => `${path}: ${from}${readOnly ? ', read-only' : ''}`),
    ),
    section(
      'Downloads from Girder',
      preview.downloads.map(({ names, from, path }) => `${from} → ${path} (${names.join(', ')})`),
    ),
    section(
      'Streams',
      preview.streams.map(({ name, from, to }) => `${from} → ${to} (${name})`),
    ),
    section(
      'Uploads to Girder',
      preview.uploads.map(
        ({ path, to, when, optional }) => `${path} → ${to} (${when}${optional ? ', if it exists' : ''})`,
      ),
    ),
    section('Secrets', preview.secrets.map(keysText)),
    section('ConfigMaps', preview.configMaps.map(keysText)),
    section('Host paths', preview.hostPaths),
    section('Girder', girderLines(preview)),
    section('Not known here', preview.unknown),
  ];
  return `${title}\n${sections.join('')}`;
}

function section(title: string, lines: readonly string[]): string {
  return lines.length === 0 ? '' : `  ${title}:\n${lines.map((line) => `    ${line}\n`).join('')}`;
}

function commandText({ command, args }: RunPreview): string {
  const entrypoint = command?.map(shown) ?? ['<entrypoint of the image>'];
  return [
    ...entrypoint,
    ...(args?.map(shown) ?? (command === undefined ? ['<arguments of the image>'] : [])),
  ].join(' ');
}

/** In characters; scripts are longer. */
const longestShown = 200;

/** An argument as a shell would have it, on one line. */
function shown(text: string): string {
  const short = text.length <= longestShown ? text : `${text.slice(0, longestShown)}…`;
  if (/^[\w./:=,@%+-]+$/.test(short) || /^<[^<>]*>$/.test(short)) return short;
  return /[\p{C}']/u.test(short) ? JSON.stringify(short) : `'${short}'`;
}

function keysText({ name, keys, for: use }: Keys): string {
  return `${name} (${keys.join(', ')}) for ${use}`;
}

function girderLines({ girder }: RunPreview): string[] {
  if (girder === undefined) return [];
  return [girder.apiUrl, ...(girder.job === undefined ? [] : [`reports to the job ${girder.job}`])];
}
