/**
 * Measures a pass of the planner over unchanged inputs that all have their receipts: its memory, its time and its
 * requests. The folders are those of the tests' Girder; their items exist only in the lists of a server before it, since
 * its database reads all items for most requests. It needs a quiet machine:
 *
 *     set -a; . .cluster/env; set +a
 *     node bench/planner.ts [inputs of a folder, 50000] [folders, 1]
 *     prettier --write docs/sets-figures.md
 */
import { filesDigestOf, recipeOf } from '../src/api/set/recipe.ts';
import { girderEnvironment } from '../test/integration/girder/real-girder.ts';
import { PlannedSet } from '../test/integration/planner/planned-set.ts';
import { bundledPlanner, RunningPlanner } from '../test/integration/planner/running-planner.ts';
import { writeFigures } from './figures-page.ts';
import { GeneratedLists } from './generated-lists.ts';

const [count = 50_000, folders = 1] = process.argv.slice(2).map(Number);
const total = count * folders;
const hourMs = 3_600_000;
const time = '2026-01-01T00:00:00+00:00';

await using set = await PlannedSet.make();
await using lists = await GeneratedLists.start(girderEnvironment().apiUrl);
const plan = set.plan({ girder: { apiUrl: lists.url, credentialsSecretRef: { name: 'girder' } } });
const receipt = {
  set: 'pathology/nuclei',
  input: { id: '', name: '', files: [], filesDigest: filesDigestOf([]) },
  recipe: recipeOf({ template: plan.spec.template.spec, values: {} }),
  digest: '0'.repeat(64),
  state: 'Succeeded',
  attempts: 1,
  image: 'busybox:1.36',
  run: 'pathology/chunk',
  finishedAt: '2026-01-01T00:00:00Z',
};

/** Items of a folder, and their results, with ids that follow from their number. */
function listed(number: number, sourceId: string, resultsId: string): void {
  const id = (kind: number, index: number) =>
    (kind * 1e9 + number * 1e6 + index).toString(16).padStart(24, '0');
  const nameOf = (index: number) => `case-${String(index).padStart(6, '0')}`;
  const common = { size: 0, updated: time, created: time };
  const inputAt = (index: number) => {
    return { _id: id(1, index), name: nameOf(index), folderId: sourceId, ...common, meta: {} };
  };
  const resultAt = (index: number) => {
    const facts = { id: id(1, index), name: nameOf(index), updated: time, size: 0 };
    const dockerrun = { ...receipt, input: { ...receipt.input, ...facts } };
    return { _id: id(2, index), name: nameOf(index), folderId: resultsId, ...common, meta: { dockerrun } };
  };
  lists.add(sourceId, { count, documentAt: inputAt });
  lists.add(resultsId, { count, documentAt: resultAt });
}

for (let number = 0; number < folders; number += 1) {
  const name = `folder-${String(number).padStart(4, '0')}`;
  const [sourceId, resultsId] = [
    await set.scratch.folder(name, set.sourceId),
    await set.scratch.folder(name, set.resultsId),
  ];
  listed(number, sourceId, resultsId);
}
const program = await bundledPlanner(set.scratch.directory);
const before = lists.requests;
const began = performance.now();
await using planner = await RunningPlanner.start(plan, set.scratch.directory, program);
const end = await planner.toEnd(hourMs);
const seconds = (performance.now() - began) / 1000;
if (end.state !== 'Done' || end.counts.done !== total)
  throw new Error(`the pass found ${end.counts.done} of ${total} inputs done: ${end.message ?? end.state}`);
const requests = lists.requests - before;
writeFigures({
  title: folders === 1 ? 'One large folder' : 'Many receipts',
  text: [
    'Written by `bench/planner.ts`: a pass over inputs that all have their results.',
    'A server before Girder made the lists of the items, so that the time is that of the planner and not of a database.',
    'The memory is that of the process of the planner, without the program of Node.js.',
  ],
  rows: [
    ['Folders, and inputs in each', `${folders}, ${count}`],
    ['Inputs, each with its receipt', String(total)],
    ['Seconds of the pass', seconds.toFixed(0)],
    ['Inputs a second', (total / seconds).toFixed(0)],
    ['Requests to Girder for 1,000 inputs', (requests / (total / 1_000)).toFixed(2)],
    ['Most memory of the planner, in MiB', (planner.peakMemory / 2 ** 20).toFixed(0)],
  ],
});
