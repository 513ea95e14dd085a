import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { plannerJobName } from '../../../src/api/names.ts';
import type { DockerRunSetSpec } from '../../../src/api/set/set-spec.ts';
import type { DockerRunSetStatus } from '../../../src/api/set/set-status.ts';
import type { PlannerReport } from '../../../src/api/set/window.ts';
import { decideSet } from '../../../src/controller/set/decide/decide-set.ts';
import { planHashOf } from '../../../src/controller/set/decide/planner-job.ts';
import type { SetDecision } from '../../../src/controller/set/decide/set-decision.ts';
import {
  chunkOf,
  type ObservedChunk,
  type ObservedSetState,
} from '../../../src/controller/set/observe/observed-set.ts';
import type { Policy } from '../../../src/policy/policy.ts';
import { aJob, aPod, metadata, workerConfig } from '../../fixtures/builders.ts';
import { aPlannerReport, aSet, aSetSpec, aWindowItem, anItem } from '../../fixtures/builders-set.ts';

const now = new Date('2026-11-29T12:30:00Z');
const podUid = 'aaaa';

type Case = {
  spec?: Partial<DockerRunSetSpec>;
  status?: DockerRunSetStatus;
  report?: Partial<PlannerReport> | undefined;
  chunks?: readonly ObservedChunk[];
  policy?: Policy;
  over?: Partial<ObservedSetState>;
};

const inPass: DockerRunSetStatus = {
  pass: { number: 1, generation: 1, startTime: '2026-11-29T12:00:00Z', plannerUID: podUid },
};

/** A set in its first pass, whose planner offers 200 inputs. */
function decision({ spec, status = inPass, report = {}, chunks = [], policy = {}, over }: Case): SetDecision {
  const set = aSet({ spec: aSetSpec({ canary: 0, ...spec }), status });
  const items = Array.from({ length: 200 }, (_, index) => aWindowItem(index + 1));
  const counts = { ...aPlannerReport().counts, listed: 200, todo: 200 };
  const observed: ObservedSetState = {
    ...{ set, chunks, othersOnGirder: 0, specs: new Map() },
    planner: {
      job: aJob({
        name: plannerJobName(set.metadata, 1),
        origin: { generation: 1, specHash: planHashOf(set.spec) },
      }),
      pod: aPod({ kind: 'running' }, { uid: podUid }),
      report: aPlannerReport({ podUID: podUid, items, counts, ...report }),
    },
    ...{ chunkRefusal: undefined, plannerRefusal: undefined },
    ...over,
  };
  return decideSet(observed, now, { policy, worker: workerConfig });
}

const created = ({ actions }: SetDecision) =>
  actions.flatMap((action) => (action.kind === 'createChunk' ? [action.run] : []));
const sizes = (found: SetDecision) => created(found).map(({ spec }) => spec.forEach?.items.length);

function aChunk(over: Partial<ObservedChunk> = {}): ObservedChunk {
  const chunk = chunkOf({ metadata: { ...metadata, name: 'chunk' }, status: { phase: 'Running' } });
  return { ...chunk, window: { podUid, first: 1, last: 5 }, pass: 1, count: 5, uid: 'c1', ...over };
}

const ended = (phase: 'Succeeded' | 'Failed', over: Partial<ObservedChunk> = {}) =>
  aChunk({ isLive: false, phase, reason: phase, endedAt: '2026-11-29T12:29:59Z', ...over });

test('two chunks wait at most, or a tenth of the pods', () => {
  assert.equal(sizes(decision({})), [25, 25]);
  assert.equal(sizes(decision({ spec: { parallelism: 40 } })), [25, 25, 25, 25]);
  const waiting = [aChunk({ isPending: true }), aChunk({ isPending: true, uid: 'c2' })];
  assert.equal(sizes(decision({ chunks: waiting })), []);
});

test('chunks have the labels of Kueue that their set has, and those that a queue holds back wait like any other', () => {
  const queue = { 'kueue.x-k8s.io/queue-name': 'pathology' };
  const set = aSet({
    ...{ spec: aSetSpec({ canary: 0 }), status: inPass },
    labels: { ...queue, team: 'imaging' },
  });
  const [first] = created(decision({ over: { set } }));
  const { labels = {} } = first?.metadata ?? {};
  assert.equal([labels['kueue.x-k8s.io/queue-name'], labels['team']], ['pathology', undefined]);
  const held = (uid: string) => {
    const status = { phase: 'Pending', reason: 'Queued' } as const;
    return { ...aChunk(), ...chunkOf({ metadata: { ...metadata, uid, name: uid }, status }), pass: 1 };
  };
  assert.equal(sizes(decision({ chunks: [held('c1'), held('c2')] })), []);
});

test('the policy bounds the pods of a set, and those of all sets on one Girder', () => {
  const live = { chunks: [aChunk()] };
  assert.is(sizes(decision({ ...live, policy: { sets: { maxParallelism: 2 } } })).length, 1);
  assert.is(sizes(decision({ policy: { sets: { maxParallelism: 0 } } })).length, 0);
  const girderLimits = [{ apiUrl: 'https://girder.example.org/api/v1/', maxRuns: 5 }];
  const others = { over: { othersOnGirder: 3 } };
  assert.is(sizes(decision({ ...live, ...others, policy: { girderLimits } })).length, 1);
  const elsewhere = [{ apiUrl: 'https://other.example.org/api/v1', maxRuns: 0 }];
  assert.is(sizes(decision({ policy: { girderLimits: elsewhere } })).length, 2);
});

test('a chunk takes about as long as chunk.seconds, by the past ones', () => {
  const status = { ...inPass, secondsPerItem: 100 };
  assert.equal(sizes(decision({ status, spec: { chunk: { items: 25, seconds: 900 } } })), [9, 9]);
  assert.equal(sizes(decision({ status: { ...inPass, secondsPerItem: 5_000 } })), [1, 1]);
});

test('a chunk holds no more inputs than fit into a spec', () => {
  const values = { 'item.name': 'x'.repeat(4_000) };
  const items = Array.from({ length: 50 }, (_, index) =>
    aWindowItem(index + 1, { ...anItem(index), values }),
  );
  const [first] = created(decision({ report: { items } }));
  assert.ok(Buffer.byteLength(JSON.stringify(first?.spec)) < 100 * 1024);
});

test('an input that failed before gets the next memory limit of spec.escalate, in a chunk of its own', () => {
  const items = [aWindowItem(1, anItem(1, 1)), aWindowItem(2, anItem(2, 5)), aWindowItem(3, anItem(3, 0))];
  const found = created(decision({ spec: { escalate: { onOOM: ['32Gi', '64Gi'] } }, report: { items } }));
  assert.equal(
    found.map(({ spec }) => spec.resources?.limits?.['memory']),
    ['32Gi', '64Gi'],
  );
});

test('signs of an overloaded Girder halve the pods, and each success adds one', () => {
  const status = { ...inPass, live: { chunks: 8, target: 8 } };
  const overloaded = decision({ status, chunks: [ended('Failed', { reason: 'GirderUnavailable' })] });
  assert.is(overloaded.status?.live?.target, 4);
  assert.equal(sizes(overloaded), [], 'and new ones wait a little');
  assert.ok((overloaded.requeueAfterMs ?? 0) > 0);
  assert.is(decision({ status, chunks: [ended('Succeeded')] }).status?.live?.target, 9);
});

test('an ended chunk is counted once, and deleted when that is stored', () => {
  const chunks = [ended('Succeeded')];
  const first = decision({ chunks });
  assert.equal(first.status?.ended, { succeeded: 5, failed: 0 });
  assert.equal(first.status?.counted, ['c1']);
  assert.not.ok(first.actions.some(({ kind }) => kind === 'deleteChunk'));
  const second = decision({ chunks, status: { ...first.status } });
  assert.equal(second.status?.ended, { succeeded: 5, failed: 0 });
  assert.ok(second.actions.some(({ kind }) => kind === 'deleteChunk'));
  assert.is(decision({ status: { ...second.status } }).status?.counted, undefined, 'once it is gone');
});

test('ten failed chunks stay for people to look at', () => {
  const chunks = Array.from({ length: 12 }, (_, index) =>
    ended('Failed', {
      ...{ uid: `c${index}`, name: `chunk-${index}`, reason: 'ItemsFailed' },
      endedAt: `2026-11-29T12:00:${10 + index}Z`,
    }),
  );
  const status = { ...inPass, counted: chunks.map(({ uid }) => uid) };
  const deleted = decision({ chunks, status }).actions.flatMap((action) =>
    action.kind === 'deleteChunk' ? [action.name] : [],
  );
  assert.equal(deleted.toSorted(), ['chunk-0', 'chunk-1']);
});

test('of a lost worker, the inputs that had not ended run again in halves, then alone and with care', () => {
  const items = [1, 2, 3, 4, 5].map((number) => anItem(number));
  const forEach = {
    set: { name: 's', namespace: 'n' },
    each: 'Item',
    log: 'Always',
    isCautious: false,
    items,
  } as const;
  const specs = new Map([
    ['c1', { ...aSetSpec().template.spec, forEach: { ...forEach, items: [...items] } }],
  ]);
  const lost = (states: string) =>
    created(
      decision({
        chunks: [ended('Failed', { reason: 'WorkerLost', items: { states } })],
        over: { specs },
        report: { items: [] },
      }),
    );
  const ids = (states: string) => lost(states).map(({ spec }) => spec.forEach?.items.map(({ id }) => id));
  const [, , third, fourth, fifth] = items.map(({ id }) => id);
  assert.equal(ids('ssrww'), [[third, fourth], [fifth]]);
  const [only] = lost('ssssr');
  assert.equal([only?.spec.forEach?.isCautious, only?.spec.forEach?.items[0]?.attempts], [true, 1]);
});

test('chunks of an earlier planner end before the inputs of another start', () => {
  const older = aChunk({ window: { podUid: 'bbbb', first: 1, last: 5 } });
  assert.equal(sizes(decision({ chunks: [older] })), []);
});

test('what a quota refuses is not acknowledged, and is asked for again later', () => {
  const over = { chunkRefusal: { message: 'exceeded quota: runs', permanent: false } };
  const { question, requeueAfterMs, status, actions } = decision({ over });
  assert.equal([question?.after, actions.length, requeueAfterMs], [0, 0, 30_000]);
  assert.match(status?.message ?? '', /exceeded quota/);
  const refused = decision({ over: { chunkRefusal: { message: 'denied', permanent: true } } });
  assert.is(refused.status?.phase, 'Paused');
});

test('a pause in Girder names the folder and the key of the metadata that ask for it', () => {
  const message = (results: Partial<DockerRunSetSpec['results']>) => {
    const spec = { results: { ...aSetSpec().results, ...results } };
    return decision({ spec, report: { pause: true } }).status?.message ?? '';
  };
  assert.match(message({}), 'the results folder in Girder asks for a pause (dockerrun.pause)');
  const beside = message({ place: 'Input' });
  assert.match(beside, 'the source folder in Girder asks for a pause (dockerrun-nuclei.pause)');
});

test('a planner that lacks access pauses the set; one without Girder is made again after a while', () => {
  const refused = decision({ report: { state: 'Failed', reason: 'GirderUnauthorized', message: 'no' } });
  assert.is(refused.status?.conditions?.find(({ type }) => type === 'Paused')?.reason, 'PassRefused');
  assert.is(refused.event?.reason, 'Paused');
  const away = decision({ report: { state: 'Failed', reason: 'GirderUnavailable', message: 'away' } });
  assert.equal([away.status?.pass?.problems, away.event?.reason], [1, 'PassFailed']);
  const after = decision({
    status: { ...away.status },
    over: { planner: { job: undefined, pod: undefined, report: undefined } },
  });
  assert.equal([after.actions.length, after.requeueAfterMs], [0, 2_000]);
});

test('a planner that failed is replaced in seconds, and one that keeps failing after longer and longer waits', () => {
  const noPlanner = { planner: { job: undefined, pod: undefined, report: undefined } };
  const waits: (number | undefined)[] = [];
  let status = inPass;
  for (let time = 0; time < 4; time += 1) {
    // It answers before it fails, and what it answered ends no backoff.
    status = { ...decision({ status }).status };
    status = { ...decision({ status, report: { state: 'Failed', reason: 'GirderUnavailable' } }).status };
    waits.push(decision({ status, over: noPlanner }).requeueAfterMs);
  }
  assert.equal(waits, [2_000, 4_000, 8_000, 16_000]);
  const long = {
    ...status,
    pass: { ...inPass.pass, number: 1, problems: 4, problemTime: '2026-11-29T12:10:00Z' },
  };
  assert.is(decision({ status: long }).status?.pass?.problems, undefined, 'after ten minutes');
});

test('a planner that is killed often is replaced in seconds as long as inputs succeed in between', () => {
  const status = {
    ...inPass,
    pass: { ...inPass.pass, number: 1, problems: 7, problemTime: now.toISOString() },
  };
  const problemsAfter = (succeeded: number) =>
    decision({ status: { ...status, ended: { succeeded, failed: 0 } } }).status?.pass?.problems;
  assert.equal([problemsAfter(0), problemsAfter(1)], [7, undefined]);
});

const targetOf = ({ status }: SetDecision) => status?.live?.target;

test('requests of the planner that Girder failed halve the pods, once for those of ten seconds', () => {
  const status = { ...inPass, live: { chunks: 0, target: 8 } };
  const first = decision({ status, report: { troubles: 3 } });
  assert.is(targetOf(first), 4);
  const known = { ...first.status };
  assert.is(targetOf(decision({ status: known, report: { troubles: 3 } })), 4);
  assert.is(targetOf(decision({ status: known, report: { troubles: 5 } })), 4, 'of the same moment');
  const earlier = { ...known, pass: { ...known.pass, number: 1, troubleTime: '2026-11-29T12:29:49Z' } };
  assert.is(targetOf(decision({ status: earlier, report: { troubles: 5 } })), 2);
  const other = decision({ status: earlier, report: { troubles: 1, podUID: 'bbbb' } });
  assert.equal([targetOf(other), other.status?.pass?.troubles], [4, undefined], 'another planner');
});

test('a pass whose second walk found nothing left to do completes the set, with the counts of that walk', () => {
  const done: Partial<PlannerReport> = { state: 'Done', items: [] };
  assert.is(decision({ report: done }).status?.phase, 'Idle');
  const closing = { listed: 9, done: 7, failed: 1, excluded: 1 };
  const { status } = decision({ report: { ...done, closing } });
  assert.equal([status?.phase, status?.pass?.isLast], ['Complete', true]);
  assert.equal(status?.items, { seen: 9, done: 7, waiting: 0, running: 0, failed: 1, excluded: 1, gone: 0 });
});

test('a changed template replaces the planner; a changed parallelism does not', () => {
  assert.is(planHashOf(aSetSpec()), planHashOf(aSetSpec({ parallelism: 3, suspend: true, canary: 9 })));
  const job = aJob({
    name: plannerJobName(aSet().metadata, 1),
    origin: { generation: 1, specHash: 'other' },
  });
  const planner = { job, pod: aPod({ kind: 'running' }, { uid: podUid }), report: aPlannerReport() };
  const { actions } = decision({ over: { planner } });
  assert.equal(
    actions.map(({ kind }) => kind),
    ['deletePlanner'],
  );
});

test('a set whose planner a queue holds back says so', () => {
  const origin = { generation: 1, specHash: planHashOf(aSetSpec({ canary: 0 })) };
  const job = aJob({ name: plannerJobName(aSet().metadata, 1), origin, suspendedBy: 'other' });
  const { status } = decision({ over: { planner: { job, pod: undefined, report: undefined } } });
  const message = 'its Job is suspended by another controller, usually a queue such as Kueue';
  assert.equal([status?.phase, status?.message], ['Listing', `The planner of pass 1 waits: ${message}.`]);
});

test('a set whose planner waits for Girder says so', () => {
  const waits = 'Waiting for Girder at girder.example.org (tried 2 times): connect ECONNREFUSED';
  const { status } = decision({ report: { waits } });
  assert.ok(status?.message?.endsWith(`. ${waits}`), status?.message);
});

test('a planner that an init container of others holds says which one', () => {
  const init = { sentence: 'wait, which was added to the pod, has not finished', failed: false };
  const pod = aPod({ kind: 'waiting', reason: 'PodInitializing', message: '' }, { uid: podUid, init });
  const job = aJob({ name: 'plan', origin: { generation: 1, specHash: planHashOf(aSet().spec) } });
  const { status } = decision({ over: { planner: { job, pod, report: undefined } } });
  assert.match(status?.message ?? '', /does not run yet \(init container wait, .*has not finished, PodInit/);
});

test('whatever a planner says, the status has at most 16 KiB', () => {
  const failures = Array.from({ length: 16 }, (_, index) => ({
    ...{ reason: `R${index}`.padEnd(128, 'x'), count: 1, message: 'ä'.repeat(512) },
    examples: Array.from({ length: 3 }, () => ({ itemId: 'i'.repeat(64), name: '\u{1F600}'.repeat(200) })),
  }));
  const report: Partial<PlannerReport> = {
    state: 'Done',
    items: [],
    failures,
    cursor: 'ä'.repeat(2048),
    waits: 'ä'.repeat(2048),
    message: 'x'.repeat(4096),
  };
  const chunks = Array.from({ length: 300 }, (_, index) =>
    ended('Failed', {
      uid: `00000000-0000-4000-8000-${String(index).padStart(12, '0')}`,
      reason: 'ItemsFailed',
    }),
  );
  for (const some of [[], chunks]) {
    const { status } = decision({ report, chunks: some });
    const bytes = Buffer.byteLength(JSON.stringify(status));
    assert.ok(bytes <= 16 * 1024, `${bytes} bytes`);
  }
});

test.run();
