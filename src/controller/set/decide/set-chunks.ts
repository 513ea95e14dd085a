import type { ForEachItem } from '../../../api/for-each.ts';
import { setDefaults } from '../../../api/set/set-spec.ts';
import type { DockerRunSetStatus } from '../../../api/set/set-status.ts';
import { maxChunkItems, type PlannerReport, type WindowItem } from '../../../api/set/window.ts';
import type { ChunkWindow, ObservedChunk } from '../observe/observed-set.ts';
import { type ChunkRun, desiredChunk, escalatedMemory, roomForItems } from './chunk-run.ts';
import { failedWhole, tallyOf, uncounted } from '../observe/chunk-ends.ts';
import { counted, isSplit, mayPass } from './counting.ts';
import { type AcceptedInput, mostChunks, type SetAction } from './set-outcome.ts';

/** Which chunks start now. */

/** Chunks that may wait for a pod, a quota or a queue at once: more of them would only fill the API server. */
export function mostPending(target: number): number {
  return Math.max(2, Math.floor(target / 10));
}

/** Inputs of the window up to this number have a chunk. */
export function startedUpTo({ set, chunks }: Pick<AcceptedInput, 'set' | 'chunks'>, podUid: string): number {
  const { plannerUID, after = 0 } = set.status.pass ?? {};
  const own = chunks.flatMap(({ window }) => (window?.podUid === podUid ? [window.last] : []));
  return Math.max(0, plannerUID === podUid ? after : 0, ...own);
}

/** What starts, and what that leaves. */
export type Starts = {
  readonly actions: readonly SetAction[];
  /** Inputs up to this number have a chunk, if the actions succeed. */
  readonly after: number;
  /** With the ended chunks, but for those whose rest has to wait for its turn. */
  readonly status: DockerRunSetStatus;
  /** Milliseconds that new chunks wait after failures of whole ones; 0 when they do not. */
  readonly heldMs: number;
  readonly created: number;
  /** Whether more would start if the policy had no bound for the Girder. */
  readonly waitsForGirder: boolean;
};

/** The chunks to create: first the rest of those whose worker was lost, then the next inputs of the window. */
export function startsOf(input: AcceptedInput): Starts {
  const { set, chunks, planner, now } = input;
  const podUid = planner.pod?.uid ?? '';
  const started = startedUpTo(input, podUid);
  const items = notStarted(planner.report, started);
  const room = roomOf(input);
  const rest = restOfLost(input, room.pending);
  const status = rest.held.size === 0 ? input.status : counted(input, rest.held);
  const heldMs = holdMs(chunks, now);
  // Nothing of a dry run starts, so that its planner lists all.
  if (set.spec.dryRun === true)
    return { actions: rest.actions, after: items.at(-1)?.seq ?? started, status, heldMs, ...noStarts };
  const isBlocked = rest.held.size > 0 || heldMs > 0 || hasOtherWindow(chunks, podUid);
  const free = isBlocked ? 0 : Math.min(room.free - rest.actions.length, room.pending - rest.actions.length);
  const next = nextChunks(input, { items, window: { podUid, first: started + 1, last: started }, free });
  const actions = [...rest.actions, ...next.actions];
  const created = actions.filter(({ kind }) => kind === 'createChunk').length;
  const { after } = next;
  const left = rest.held.size + (isBlocked ? 0 : items.filter(({ seq }) => seq > after).length);
  return {
    actions,
    after,
    status,
    heldMs,
    created,
    waitsForGirder: waitsForGirder(input, { created, left }),
  };
}

function notStarted(report: PlannerReport | undefined, started: number): readonly WindowItem[] {
  return (report?.items ?? []).filter(({ seq }) => seq > started);
}

const noStarts = { created: 0, waitsForGirder: false } as const;

/** Whether something is left that would start if the policy had no bound for the Girder. */
function waitsForGirder(input: AcceptedInput, { created, left }: { created: number; left: number }): boolean {
  const { girderLimits: _, ...policy } = input.policy;
  const { free, pending } = roomOf({ ...input, policy });
  return left > 0 && Math.min(free, pending) > created;
}

/** How many chunks may be created, by the pods that may run and by those that wait. */
function roomOf(input: AcceptedInput): { free: number; pending: number } {
  const { set, chunks, status } = input;
  if (input.chunkRefusal !== undefined) return { free: 0, pending: 0 };
  const most = mostChunks(set.spec, input);
  const target = Math.min(most, status.live?.target ?? set.spec.parallelism);
  const live = chunks.filter(({ isLive }) => isLive);
  const waiting = live.filter(({ isPending }) => isPending).length;
  const canary = canaryRoom(input, live.length);
  return {
    free: Math.max(0, Math.min(target - live.length, canary)),
    pending: Math.max(0, mostPending(target) - waiting),
  };
}

export function isCanary({ set, status }: Pick<AcceptedInput, 'set' | 'status'>): boolean {
  return (status.ended?.succeeded ?? 0) < set.spec.canary;
}

/** As many as have to succeed; one that failed is replaced only once another has succeeded. */
function canaryRoom(input: AcceptedInput, live: number): number {
  const { canary } = input.set.spec;
  if (!isCanary(input)) return Infinity;
  const { succeeded, failed } = input.status.ended ?? { succeeded: 0, failed: 0 };
  return succeeded > 0 ? canary - succeeded - live : canary - failed - live;
}

type Next = {
  readonly items: readonly WindowItem[];
  /** Of the planner's pod, with the input that was started last. */
  readonly window: ChunkWindow;
  readonly free: number;
};

/** The next chunks of the window, at most `free`. */
function nextChunks(input: AcceptedInput, next: Next): { actions: SetAction[]; after: number } {
  const { set, chunks, status } = input;
  const pass = status.pass?.number ?? 1;
  const names = new Map(chunks.map((chunk) => [chunk.name, chunk]));
  const stored = new Set(set.status.counted ?? []);
  const actions: SetAction[] = [];
  let [rest, after] = [next.items, next.window.last];
  while (rest.length > 0 && actions.length < next.free) {
    const taken = rest.slice(0, sizeOf(input, rest));
    const window = windowOf(next.window, taken);
    const run = desiredChunk(set, { items: taken.map(({ item }) => item), window, pass });
    const other = names.get(run.metadata.name);
    if (other !== undefined) {
      // An earlier one, which failed as a whole, makes room for this one once it is counted.
      const makesRoom = stored.has(other.uid) && !other.isDeleting;
      return { actions: makesRoom ? [...actions, deletionOf(other)] : actions, after };
    }
    actions.push({ kind: 'createChunk', run });
    after = window.last;
    rest = rest.slice(taken.length);
  }
  return { actions, after };
}

function windowOf(before: ChunkWindow, taken: readonly WindowItem[]): ChunkWindow {
  const last = taken.at(-1)?.seq ?? before.last;
  return { ...before, first: taken[0]?.seq ?? last, last };
}

const deletionOf = ({ name, uid }: ObservedChunk): SetAction => ({ kind: 'deleteChunk', name, uid });

/** How many of the next inputs one chunk takes: by their time, their bytes and their memory. */
function sizeOf(input: AcceptedInput, items: readonly WindowItem[]): number {
  const { set, status } = input;
  if (isCanary(input)) return 1;
  const { items: most = setDefaults.chunkItems, seconds = setDefaults.chunkSeconds } = set.spec.chunk ?? {};
  const perItem = status.secondsPerItem ?? 0;
  const byTime = perItem > 0 ? Math.max(1, Math.floor(seconds / perItem)) : most;
  const candidates = items.slice(0, Math.min(most, byTime, maxChunkItems));
  const memory = (item: ForEachItem | undefined) => escalatedMemory(set.spec, item?.attempts ?? 0);
  const first = candidates[0]?.item;
  let [left, size] = [roomForItems(set), 0];
  for (const { item } of candidates) {
    left -= Buffer.byteLength(JSON.stringify(item)) + 1;
    if (size > 0 && (left < 0 || memory(item) !== memory(first))) break;
    size += 1;
  }
  return size;
}

/** The chunks of an earlier planner have to end first: its inputs may be in the window of this one. */
export function hasOtherWindow(chunks: readonly ObservedChunk[], podUid: string): boolean {
  return chunks.some(({ isLive, window }) => isLive && window?.podUid !== podUid);
}

/** The first wait after a chunk that failed as a whole for a reason that may pass, doubled with each, and the longest. */
const wholeMs = { first: 5_000, most: 300_000, counts: 600_000 } as const;

/** How long new chunks wait: with Girder away, each would fail at once. */
function holdMs(chunks: readonly ObservedChunk[], now: Date): number {
  const ends = chunks
    .filter((chunk) => failedWhole(chunk) && mayPass(chunk.reason) && chunk.reason !== 'WorkerLost')
    .map(({ endedAt }) => Date.parse(endedAt ?? ''))
    .filter((time) => now.getTime() - time < wholeMs.counts);
  if (ends.length === 0) return 0;
  const wait = Math.min(wholeMs.most, wholeMs.first * 2 ** (ends.length - 1));
  return Math.max(0, Math.max(...ends) + wait - now.getTime());
}

/**
 * The chunks for the unfinished inputs of lost workers; those for which there is no room are held. Where only one pod may
 * run, the second half is left to the next pass.
 */
function restOfLost(input: AcceptedInput, pending: number): { actions: SetAction[]; held: Set<string> } {
  const held = new Set<string>();
  const actions: SetAction[] = [];
  const names = new Set(input.chunks.map(({ name }) => name));
  const most = input.chunkRefusal === undefined ? mostChunks(input.set.spec, input) : 0;
  const live = input.chunks.filter(({ isLive }) => isLive).length;
  // Two halves may come where one chunk more may wait.
  const free = Math.min(most - live, pending + 1);
  for (const chunk of uncounted(input)) {
    if (!isSplit(chunk, tallyOf(chunk))) continue;
    const halves = halvesOf(input, chunk).slice(0, Math.max(1, most));
    const runs = halves.filter(({ metadata }) => !names.has(metadata.name));
    if (actions.length + runs.length > free) held.add(chunk.uid);
    else actions.push(...runs.map((run): SetAction => ({ kind: 'createChunk', run })));
  }
  return { actions, held };
}

/** Two halves of the unfinished inputs, so that one that kills its worker is alone in the end; then once more, with care. */
function halvesOf({ set, planner, specs }: AcceptedInput, chunk: ObservedChunk): ChunkRun[] {
  const items = specs.get(chunk.uid)?.forEach?.items ?? [];
  const { window } = chunk;
  // A planner that began later lists these inputs itself.
  if (window === undefined || window.podUid !== planner.pod?.uid) return [];
  const rest = tallyOf(chunk).unfinished.flatMap((index) => items[index] ?? []);
  const common = { window, pass: chunk.pass, after: chunk.uid };
  const [only] = rest;
  if (only === undefined) return [];
  if (rest.length === 1) {
    const again = { ...only, attempts: (only.attempts ?? 0) + 1 };
    return [desiredChunk(set, { ...common, items: [again], isCautious: true })];
  }
  const middle = Math.ceil(rest.length / 2);
  const halves = [rest.slice(0, middle), rest.slice(middle)];
  return halves.map((half) => desiredChunk(set, { ...common, items: half }));
}
