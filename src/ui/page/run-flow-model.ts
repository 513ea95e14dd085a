import { girderPage, type Members, type RunObject, type Transfer } from './run-object.ts';

/** One thing that flows into the target or out of it. */
export type FlowPart = {
  /** The name of the transform, volume or result. */
  readonly name: string;
  /** What it is on the other side, for example `Girder file 5f…`. */
  readonly what: string;
  /** How the target sees it: `volume`, `named pipe`, `standard output`. */
  readonly via: string;
  /** The page of it in Girder. */
  readonly href: string | undefined;
  readonly transfer: Transfer | undefined;
};

/** The flow of a run: what goes in, and what comes out. */
export type RunFlow = { readonly inputs: readonly FlowPart[]; readonly outputs: readonly FlowPart[] };

/** Reads the flow from `spec`, with the transfers of `status`. */
export function flowOf({ spec = {}, status = {} }: RunObject): RunFlow {
  const inputs: FlowPart[] = [];
  const outputs: FlowPart[] = [];
  const transfers = status.transfers ?? [];
  const apiUrl = spec.girder?.apiUrl;
  const transferOf = (name: string, direction: string) =>
    transfers.find((one) => one.name === name && one.direction === direction);

  for (const volume of spec.volumes ?? []) {
    const [kind = '', value] = kindOf(volume);
    const what = volumeTexts[kind];
    if (what === undefined) continue;
    const name = volume.name ?? '';
    const rest = { href: undefined, transfer: undefined };
    inputs.push({ name, what: `${what} ${sourceOf(kind, value)}`.trim(), via: 'volume', ...rest });
  }
  for (const transform of spec.transforms ?? []) {
    const name = transform.name ?? '';
    const [kind = '', value] = kindOf(transform);
    const direction =
      kind === 'connect' ? directionOf(value) : downloads.includes(kind) ? 'download' : undefined;
    if (direction === 'download') {
      const source = kind === 'connect' ? memberOf(value, 'input') : { ...transform, kind };
      const of = kind === 'connect' ? kindOf(source) : ([kind, value] as const);
      const via = kind === 'connect' ? viaOf(memberOf(value, 'output'), 'namedInputPipe') : 'volume';
      inputs.push({ name, ...girderPart(of, apiUrl), via, transfer: transferOf(name, 'download') });
    }
    if (direction === 'upload') {
      const of = kindOf(memberOf(value, 'output'));
      const via = viaOf(memberOf(value, 'input'), 'namedOutputPipe');
      outputs.push({ name, ...girderPart(of, apiUrl), via, transfer: transferOf(name, 'upload') });
    }
  }
  for (const hook of spec.girderResultHooks ?? []) {
    const of = kindOf(hook);
    const name = textOf(of[1]['volumePath']) ?? '';
    outputs.push({ name, ...girderPart(of, apiUrl), via: 'volume', transfer: transferOf(name, 'upload') });
  }
  return { inputs, outputs };
}

const downloads = [
  'girderFileIdToVolume',
  'girderItemIdToVolume',
  'girderFolderIdToVolume',
  'girderMetadataToVolume',
];

const volumeTexts: Readonly<Record<string, string>> = {
  bindMount: 'directory of the node',
  persistentVolumeClaim: 'claim',
  namedVolume: 'Docker volume',
  secret: 'Secret',
  configMap: 'ConfigMap',
};

/** The one member of an entry that says its kind, and its value. */
function kindOf(entry: Members): readonly [string, Members] {
  const [kind = '', value] = Object.entries(entry).find(([key]) => key !== 'name' && key !== 'kind') ?? [];
  return [kind, typeof value === 'object' && value !== null ? (value as Members) : {}];
}

function memberOf(value: Members, key: string): Members {
  const member = value[key];
  return typeof member === 'object' && member !== null ? (member as Members) : {};
}

const textOf = (value: unknown) => (typeof value === 'string' ? value : undefined);

function sourceOf(kind: string, value: Members): string {
  const keys = {
    bindMount: 'hostPath',
    persistentVolumeClaim: 'claimName',
    namedVolume: 'volumeName',
  } as const;
  return textOf(value[keys[kind as keyof typeof keys] ?? 'name'] ?? value['secretName']) ?? '';
}

/** A connection reads from Girder, or writes to it or another server. */
function directionOf(connect: Members): 'download' | 'upload' {
  return 'girderFileIdToStream' in memberOf(connect, 'input') ? 'download' : 'upload';
}

function viaOf(end: Members, pipe: string): string {
  if (pipe in end) return 'named pipe';
  if ('containerStdOut' in end) return 'standard output';
  return 'containerStdErr' in end ? 'standard error' : 'named pipe';
}

function girderPart([kind, value]: readonly [string, Members], apiUrl: string | undefined) {
  const path = textOf(value['path']);
  for (const [key, noun, route] of [
    ['itemId', 'item', 'item'],
    ['folderId', 'folder', 'folder'],
    ['fileId', 'file', undefined],
  ] as const) {
    const id = textOf(value[key]);
    if (id === undefined) continue;
    const href = route === undefined || id.startsWith('$') ? undefined : girderPage(apiUrl, `${route}/${id}`);
    return { what: `Girder ${noun} ${id}`, href };
  }
  if (path !== undefined) return { what: `Girder ${path}`, href: undefined };
  const url = textOf(value['url']);
  return { what: url ?? endTexts[kind] ?? kind, href: undefined };
}

const endTexts: Readonly<Record<string, string>> = {
  hostStdOut: 'the log of the pod',
  hostStdErr: 'the log of the pod',
  slicerProgress: 'progress of the run',
  girderStreamToItem: 'Girder',
};
