import type { ForEachItem } from '../../../api/for-each.ts';
import { defined, specBounds } from '../../../api/json-values.ts';
import {
  apiVersion,
  chunkAnnotation,
  chunkName,
  kind,
  labels,
  labelValue,
  queueLabelsOf,
  setKind,
  windowAnnotation,
} from '../../../api/names.ts';
import type { DockerRunMetadata } from '../../../api/docker-run.ts';
import type { DockerRunSpec } from '../../../api/spec.ts';
import type { DockerRunSetSpec } from '../../../api/set/set-spec.ts';
import { sha256Of } from '../../../api/set/recipe.ts';
import { type ChunkWindow, textOfWindow } from '../observe/observed-set.ts';

/** A set whose spec is valid. */
export type Set = { readonly metadata: DockerRunMetadata; readonly spec: DockerRunSetSpec };

/** A DockerRun that is to be created, as the API server takes it. */
export type ChunkRun = {
  readonly apiVersion: typeof apiVersion;
  readonly kind: typeof kind;
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly labels: Readonly<Record<string, string>>;
    readonly annotations: Readonly<Record<string, string>>;
    readonly ownerReferences: readonly object[];
  };
  readonly spec: DockerRunSpec;
};

type Contents = {
  readonly items: readonly ForEachItem[];
  readonly window: ChunkWindow;
  readonly pass: number;
  readonly isCautious?: boolean;
  /** The uid of the chunk whose worker was lost, and whose inputs these are. */
  readonly after?: string;
};

/** The bytes that a chunk leaves to what the API server and the policy add to its spec. */
const spareBytes = 4 * 1024;

/** The most bytes of a template: a chunk needs room for its inputs as well. */
export const maxTemplateBytes = 64 * 1024;

/** Bytes of the inputs of one chunk. */
export function roomForItems(set: Set): number {
  const bytes = Buffer.byteLength(JSON.stringify(specOf(set, { items: [] })));
  return specBounds.bytes - spareBytes - bytes;
}

/** The DockerRun for some inputs. The same inputs have the same name, so that the API server refuses a second one. */
export function desiredChunk(set: Set, contents: Contents): ChunkRun {
  const { name, namespace, uid, labels: own = {} } = set.metadata;
  const { items, window, pass, isCautious = false, after = '' } = contents;
  const [first] = items;
  const identity = [uid, first?.id, first?.recipe, first?.attempts ?? 0, after];
  return {
    apiVersion,
    kind,
    metadata: {
      name: chunkName({ name }, sha256Of(JSON.stringify(identity))),
      namespace,
      labels: { ...queueLabelsOf(own), [labels.set]: labelValue(name), [labels.setUid]: uid },
      annotations: {
        [windowAnnotation]: textOfWindow(window),
        [chunkAnnotation]: `${pass}/${items.length}${isCautious ? '/cautious' : ''}`,
      },
      ownerReferences: [ownerOf(set.metadata)],
    },
    spec: specOf(set, { items, isCautious }),
  };
}

export function ownerOf({ name, uid }: DockerRunMetadata): object {
  return { apiVersion, kind: setKind, name, uid, controller: true, blockOwnerDeletion: true };
}

/** Without what the set decides: when its chunks are deleted, and whether they run. */
export function specOf(
  { metadata: { name, namespace }, spec }: Set,
  { items, isCautious = false }: { items: readonly ForEachItem[]; isCautious?: boolean },
): DockerRunSpec {
  const { ttlSecondsAfterFinished: _, suspend: __, cancel: ___, ...template } = spec.template.spec;
  const { source, results, version, girder } = spec;
  return {
    ...template,
    girder,
    ...resourcesFor(spec, items[0]?.attempts ?? 0),
    forEach: {
      set: { name, namespace },
      ...defined({ version }),
      ...{ each: source.each, log: results.log, isCautious },
      items: [...items],
    },
  };
}

/** With the memory of spec.escalate for inputs of which attempts have failed. */
function resourcesFor(
  { escalate, template }: DockerRunSetSpec,
  attempts: number,
): Pick<DockerRunSpec, 'resources'> {
  const { resources } = template.spec;
  const memory = escalatedMemory({ escalate }, attempts);
  if (memory === undefined) return defined({ resources });
  const requests = resources?.requests;
  const hasRequest = requests !== undefined && Object.hasOwn(requests, 'memory');
  return {
    resources: {
      ...resources,
      limits: { ...resources?.limits, memory },
      ...(hasRequest ? { requests: { ...requests, memory } } : {}),
    },
  };
}

/** The memory limit for an input with so many failed attempts; undefined for that of the template. */
export function escalatedMemory(
  { escalate }: { readonly escalate?: DockerRunSetSpec['escalate'] | undefined },
  attempts: number,
): string | number | undefined {
  const steps = escalate?.onOOM ?? [];
  return attempts === 0 ? undefined : steps[Math.min(attempts, steps.length) - 1];
}
