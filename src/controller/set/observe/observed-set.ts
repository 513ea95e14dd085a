import type { DockerRunMetadata } from '../../../api/docker-run.ts';
import { chunkAnnotation, labels, windowAnnotation } from '../../../api/names.ts';
import type { DockerRunSpec } from '../../../api/spec.ts';
import type { DockerRunSetSpec } from '../../../api/set/set-spec.ts';
import type { DockerRunSetStatus } from '../../../api/set/set-status.ts';
import type { PlannerReport } from '../../../api/set/window.ts';
import { type DockerRunStatus, isTerminalPhase, type ItemsStatus, type Phase } from '../../../api/status.ts';
import type { ObservedJob, ObservedPod, Refusal } from '../../observe/observed.ts';

/** What the controller reads of a set; a spec with a problem was stored under another version. */
export type ObservedSet =
  | { metadata: DockerRunMetadata; status: DockerRunSetStatus; spec: DockerRunSetSpec; problem?: undefined }
  | { metadata: DockerRunMetadata; status: DockerRunSetStatus; spec?: undefined; problem: string };

/** What the cache keeps of a set: a large spec is read when it is needed, as that of a run. */
export type CachedSet = (
  | (ObservedSet & { specIsLarge?: undefined })
  | (Pick<ObservedSet, 'metadata' | 'status'> & { spec?: undefined; specIsLarge: true })
) & { readonly apiUrl: string | undefined };

/** A pod of a planner. Its `runUid` is empty. */
export type PlannerPod = ObservedPod & { readonly setUid: string };

/** A Job of a planner, and the set that it says it is of. */
export type PlannerJob = ObservedJob & { readonly setUid: string };

/** The inputs of a chunk by their numbers in the window of one planner. */
export type ChunkWindow = { readonly podUid: string; readonly first: number; readonly last: number };

/** A DockerRun of a set, as far as its labels, annotations and status show it. */
export type ObservedChunk = {
  readonly name: string;
  readonly uid: string;
  readonly window: ChunkWindow | undefined;
  /** The pass in which it was created. */
  readonly pass: number;
  /** How many inputs it has. */
  readonly count: number;
  readonly isCautious: boolean;
  readonly isLive: boolean;
  /** Whether it waits: for its pod, its quota or its queue. */
  readonly isPending: boolean;
  readonly isDeleting: boolean;
  /** Whether it is being cancelled already. */
  readonly isStopping: boolean;
  readonly phase: Phase | undefined;
  readonly reason: string;
  readonly message: string;
  readonly items: ItemsStatus | undefined;
  readonly startedAt: string | undefined;
  readonly endedAt: string | undefined;
};

/** Everything that one decision about a set is made from. */
export type ObservedSetState = {
  readonly set: ObservedSet;
  /** In the order of their creation. */
  readonly chunks: readonly ObservedChunk[];
  readonly planner: {
    readonly job: ObservedJob | undefined;
    /** The newest pod of that Job. */
    readonly pod: ObservedPod | undefined;
    /** What that pod answered last. */
    readonly report: PlannerReport | undefined;
  };
  /** Live chunks of the other sets that use the same Girder, and a place for each that has waited for longer. */
  readonly othersOnGirder: number;
  /** The specs of ended chunks that are not counted yet, as far as the count needs them. */
  readonly specs: ReadonlyMap<string, DockerRunSpec>;
  /** Why the API server refused to create a chunk in this reconcile, if it did. */
  readonly chunkRefusal: Refusal | undefined;
  /** Why it refused to create the planner, if it did. */
  readonly plannerRefusal: Refusal | undefined;
};

/** What to ask the planner. */
export type PlannerQuestion = {
  readonly podUid: string;
  /** Inputs up to this number have their chunk. */
  readonly after: number;
  /** Whether no chunk of the set is live any more, and none follows. */
  readonly isDone: boolean;
  /** Whether something waits for the answer. */
  readonly isUrgent: boolean;
};

/** The uid of the set that a run says it is a chunk of. */
export function setUidOf({ labels: own = {} }: Pick<DockerRunMetadata, 'labels'>): string | undefined {
  return own[labels.setUid];
}

type Run = { readonly metadata: DockerRunMetadata; readonly status: DockerRunStatus };

/** Anyone who may create runs may write the annotations: what is not the controller's own counts as nothing. */
export function chunkOf({ metadata, status }: Run): ObservedChunk {
  const { name, uid, annotations = {}, deletionTimestamp } = metadata;
  const { phase, reason = '', message = '', items, completionTime: endedAt } = status;
  const isLive = !isTerminalPhase(phase);
  const isDeleting = deletionTimestamp !== undefined;
  return {
    ...{ name, uid, phase, reason, message, items, isLive, isDeleting, endedAt },
    ...marksOf(annotations[chunkAnnotation] ?? '', items?.states.length ?? 0),
    window: windowOf(annotations[windowAnnotation] ?? ''),
    isPending: isLive && waitingPhases.has(phase),
    isStopping: isDeleting || reason === 'Cancelling',
    startedAt: startOf(status),
  };
}

function startOf({ attemptHistory = [], startTime }: DockerRunStatus): string | undefined {
  return attemptHistory.at(-1)?.startTime ?? startTime;
}

const waitingPhases: ReadonlySet<Phase | undefined> = new Set([undefined, 'Pending', 'Suspended']);

function marksOf(text: string, states: number): Pick<ObservedChunk, 'pass' | 'count' | 'isCautious'> {
  const [, pass = '0', count = '0', cautious] = /^(\d{1,15})\/(\d{1,3})(\/cautious)?$/.exec(text) ?? [];
  const known = Math.min(maxCount, Math.max(Number(count), states));
  return { pass: Number(pass), count: known, isCautious: cautious !== undefined };
}

/** As many as `spec.forEach.items` can have. */
const maxCount = 100;

function windowOf(text: string): ChunkWindow | undefined {
  const [, podUid, first, last] = /^([0-9a-f-]{1,64})\/(\d{1,15})-(\d{1,15})$/.exec(text) ?? [];
  return podUid === undefined ? undefined : { podUid, first: Number(first), last: Number(last) };
}

export function textOfWindow({ podUid, first, last }: ChunkWindow): string {
  return `${podUid}/${first}-${last}`;
}
