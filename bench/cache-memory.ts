/**
 * Measures how much heap the caches need for a number of live DockerRuns with their Jobs and pods, and for as
 * many that have ended with 15 results each, parsed from the API server's JSON as the controller does.
 *
 *     node --expose-gc bench/cache-memory.ts [runs, 10000]
 */
import { apiVersion, kind } from '../src/api/names.ts';
import { desiredJob } from '../src/controller/job/job.ts';
import { parseJob, parsePod, parseRun } from '../src/controller/observe/parse.ts';
import { StatusWriter } from '../src/controller/apply/status-writer.ts';
import { ObjectStore } from '../src/kube/object-store.ts';
import { specOf, workerConfig } from '../test/fixtures/builders.ts';
import { typicalSpec } from './typical-run.ts';

const [count = 10_000] = process.argv.slice(2).map(Number);
const spec = specOf(typicalSpec);
const condition = { status: 'True', lastTransitionTime: '2026-01-02T03:04:05Z', observedGeneration: 1 };
const target = { containerID: 'c'.repeat(64), startedAt: '2026-01-02T03:04:05Z' };
const running = { reason: 'Running', message: 'The target runs.' };

/** The JSON of a run that is live or has ended, its Job and its pod, much as the API server sends them. */
function objectsOf(index: number): { run: string; ended: string; job: string; pod: string } {
  const uid = `${String(index).padStart(8, '0')}-8f7f-4f0e-9d5c-3c0f6f1f2a3b`;
  const metadata = {
    ...{ namespace: 'lab', name: `segment-${index}`, uid, generation: 1, resourceVersion: String(index + 1) },
    creationTimestamp: '2026-01-02T03:04:05Z',
    managedFields: [{ manager: 'kubectl', fieldsV1: JSON.parse(JSON.stringify(typicalSpec)) as unknown }],
  };
  const status = {
    ...{
      ...running,
      observedGeneration: 1,
      phase: 'Running',
      attempts: 1,
      startTime: metadata.creationTimestamp,
    },
    ...{ jobName: `segment-${index}-x`, podName: `segment-${index}-x-0-y`, nodeName: 'node-1', target },
    conditions: ['Accepted', 'Reconciling'].map((type) => ({ type, ...running, ...condition })),
    progress: { message: 'The target runs.' },
    transfers: [{ name: 'ct', direction: 'download', bytes: 1e9, totalBytes: 1e9 }],
    attemptHistory: [{ podUID: `p${uid}`, podName: `segment-${index}-x-0-y`, nodeName: 'node-1' }],
  };
  const results = Array.from({ length: 15 }, (_, hook) => ({
    ...{ hook, itemId: `i${uid.slice(0, 23)}`, fileId: `f${hook}${uid.slice(0, 21)}`, size: 1e6 + hook },
    ...{ name: `mask-${hook}.nrrd`, sha256: `${hook}-${uid}`.padEnd(64, '0') },
  }));
  const ended = { ...status, phase: 'Succeeded', results, resultCount: 40, completionTime: target.startedAt };
  const desired = desiredJob({ metadata, spec }, workerConfig, {});
  const job = {
    ...desired,
    metadata: { ...metadata, ...desired.metadata, uid: `j${uid}` },
    status: { active: 1 },
  };
  const owner = { apiVersion: 'batch/v1', kind: 'Job', name: `segment-${index}-x`, uid: `j${uid}` };
  const pod = {
    metadata: { ...metadata, ...desired.spec?.template.metadata, uid: `p${uid}`, ownerReferences: [owner] },
    spec: { ...desired.spec?.template.spec, nodeName: 'node-1' },
    status: {
      ...{ phase: 'Running', podIP: '10.0.0.7' },
      containerStatuses: [{ name: 'worker', state: { running: {} } }],
    },
  };
  const text = (value: unknown) => JSON.stringify(value);
  return {
    run: text({ apiVersion, kind, metadata, spec, status }),
    ended: text({ apiVersion, kind, metadata, spec, status: ended }),
    ...{ job: text(job), pod: text(pod) },
  };
}

function heapMebibytes(): number {
  globalThis.gc?.();
  globalThis.gc?.();
  return process.memoryUsage().heapUsed / 2 ** 20;
}

/** Prints how much the heap grows by what `make` returns. */
function measure(what: string, make: () => unknown): unknown {
  const before = heapMebibytes();
  const kept = make();
  const grown = heapMebibytes() - before;
  console.log(`${what}: ${grown.toFixed(0)} MiB, ${((grown / count) * 1024).toFixed(1)} KiB each`);
  return kept;
}

function store<Item>(parse: (object: unknown) => Item, of: (index: number) => string): ObjectStore<Item> {
  const kept = new ObjectStore<Item>();
  const items = Array.from({ length: count }, (_, index) => {
    const object: unknown = JSON.parse(of(index));
    const key = `lab/segment-${index}`;
    return { key, uid: String(index), version: index, item: parse(object) };
  });
  kept.replace(items, count);
  return kept;
}

if (globalThis.gc === undefined) throw new Error('start it with node --expose-gc');
const sample = objectsOf(0);
console.log(
  `as JSON: ${Object.entries(sample)
    .map(([name, text]) => `${name} ${text.length} bytes`)
    .join(', ')}`,
);
const kept = [
  measure(`${count} DockerRuns`, () => store(parseRun, (index) => objectsOf(index).run)),
  measure(`${count} DockerRuns that have ended`, () => store(parseRun, (index) => objectsOf(index).ended)),
  measure(`${count} Jobs`, () => store(parseJob, (index) => objectsOf(index).job)),
  measure(`${count} pods`, () => store(parsePod, (index) => objectsOf(index).pod)),
  measure('times of their status writes', () => {
    const times = new StatusWriter();
    for (let index = 0; index < count; index += 1) times.wrote(`lab/segment-${index}`);
    return times;
  }),
];
console.log(
  `process: ${(process.memoryUsage().rss / 2 ** 20).toFixed(0)} MiB resident, ${kept.length} caches`,
);
