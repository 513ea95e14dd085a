/**
 * Measures a pass of the planner over unchanged inputs that all have their receipts, in the Girder of the tests: its
 * memory, its time and its requests. Inputs and results are put into the database, a folder of each after another. It
 * needs a quiet machine:
 *
 *     set -a; . .cluster/env; set +a
 *     node bench/planner.ts [inputs of a folder, 50000] [folders, 1]
 *     prettier --write docs/sets-figures.md
 */
import { filesDigestOf, recipeOf } from '../src/api/set/recipe.ts';
import { fillFolder } from '../test/integration/planner/filled-folder.ts';
import { PlannedSet } from '../test/integration/planner/planned-set.ts';
import { bundledPlanner, RunningPlanner } from '../test/integration/planner/running-planner.ts';
import { writeFigures } from './figures-page.ts';

const [count = 50_000, folders = 1] = process.argv.slice(2).map(Number);
const total = count * folders;
const hourMs = 3_600_000;

await using set = await PlannedSet.make();
const plan = set.plan();
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
await using filled = new AsyncDisposableStack();
for (let number = 0; number < folders; number += 1) {
  const name = `folder-${String(number).padStart(4, '0')}`;
  const [sourceId, resultsId] = [
    await set.scratch.folder(name, set.sourceId),
    await set.scratch.folder(name, set.resultsId),
  ];
  filled.use(await fillFolder({ sourceId, resultsId }, { count, receipt }));
}
const before = set.proxy.seen.length;
const program = await bundledPlanner(set.scratch.directory);
const began = performance.now();
await using planner = await RunningPlanner.start(plan, set.scratch.directory, program);
const end = await planner.toEnd(hourMs);
const seconds = (performance.now() - began) / 1000;
if (end.state !== 'Done' || end.counts.done !== total)
  throw new Error(`the pass found ${end.counts.done} of ${total} inputs done: ${end.message ?? end.state}`);
const requests = set.proxy.seen.length - before;
writeFigures({
  title: folders === 1 ? 'One large folder' : 'Many receipts',
  text: [
    'Written by `bench/planner.ts`: a pass over inputs that all have their results, with Girder and its database on the',
    'same machine. The memory is that of the process of the planner alone, without the program of Node.js.',
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
