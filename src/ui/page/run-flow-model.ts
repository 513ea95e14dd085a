import { girderPage } from '../../api/girder-page.ts';
import type { Members, RunObject, Transfer } from './run-object.ts';

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
  const transfers = status.transfers ?? [];
  const context: Context = {
    apiUrl: spec.girder?.apiUrl,
    transferOf: (name, direction) =>
      transfers.find((one) => one.name === name && one.direction === direction),
  };
  const transformed = (spec.transforms ?? []).map((transform) => partOfTransform(transform, context));
  const going = (direction: Direction) =>
    transformed.flatMap((one) => (one?.direction === direction ? [one.part] : []));
  const hooks = (spec.girderResultHooks ?? []).map((hook) => partOfHook(hook, context));
  return {
    inputs: [...(spec.volumes ?? []).flatMap(partsOfVolume), ...going('download')],
    outputs: [...going('upload'), ...hooks],
  };
}

type Direction = 'download' | 'upload';

type Context = {
  readonly apiUrl: string | undefined;
  readonly transferOf: (name: string, direction: string) => Transfer | undefined;
};

function partsOfVolume(volume: Members): FlowPart[] {
  const [kind, value] = kindOf(volume);
  const what = volumeTexts[kind];
  if (what === undefined) return [];
  const source = `${what} ${sourceOf(kind, value)}`.trim();
  const name = textOf(volume['name']) ?? '';
  return [{ name, what: source, via: 'volume', href: undefined, transfer: undefined }];
}

type Transformed = { readonly direction: Direction; readonly part: FlowPart };

/** Undefined for a transform that moves nothing, such as a path. */
function partOfTransform(transform: Members, { apiUrl, transferOf }: Context): Transformed | undefined {
  const name = textOf(transform['name']) ?? '';
  const [kind, value] = kindOf(transform);
  if (downloads.includes(kind)) {
    const transfer = transferOf(name, 'download');
    const part = { name, ...girderPart([kind, value], apiUrl), via: 'volume', transfer };
    return { direction: 'download', part };
  }
  if (kind !== 'connect') return undefined;
  const direction = directionOf(value);
  const [far, near] =
    direction === 'download' ? (['input', 'output'] as const) : (['output', 'input'] as const);
  const from = girderPart(kindOf(memberOf(value, far)), apiUrl);
  const via = viaOf(memberOf(value, near));
  return { direction, part: { name, ...from, via, transfer: transferOf(name, direction) } };
}

function partOfHook(hook: Members, { apiUrl, transferOf }: Context): FlowPart {
  const of = kindOf(hook);
  const name = textOf(of[1]['volumePath']) ?? '';
  return { name, ...girderPart(of, apiUrl), via: 'volume', transfer: transferOf(name, 'upload') };
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
  const [kind = '', value] = Object.entries(entry).find(([key]) => key !== 'name') ?? [];
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
function directionOf(connect: Members): Direction {
  return 'girderFileIdToStream' in memberOf(connect, 'input') ? 'download' : 'upload';
}

function viaOf(end: Members): string {
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
