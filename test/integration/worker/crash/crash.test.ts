import { existsSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { TaskGroup, TaskLimit } from '../../../../src/support/task-group.ts';
import { ProjectCopy } from '../../../fixtures/project-copy.ts';
import { ScratchDirectory } from '../../../fixtures/scratch-directory.ts';
import { scenarios } from '../../controller/crash-scenarios.ts';
import { engineUnderTest } from '../../docker/engine-under-test.ts';
import { ScratchFolder } from '../../girder/scratch-folder.ts';
import { momentsOf, momentsPerLife, problemsOf, recordedSteps, type World } from './crashed-runs.ts';
import { type Life, lives, makeInputs } from './worker-lives.ts';
import { makeMountPoints, removeMountPoints } from './worker-pod.ts';

/**
 * The worker dies, or its disk or network fails, at steps all over its life: what it calls before each step
 * has happened, and nothing after it. Another attempt or a cleanup then runs, as the Job and the controller do.
 */
type Crashes = { world: World; stack: AsyncDisposableStack; moments: number };
const test = suite<Crashes>('crashes of the worker');
const atOnce = Number(process.env['CRASHES_AT_ONCE'] ?? 6);

test.before(async (crashes) => {
  const stack = new AsyncDisposableStack();
  const scratch = stack.use(await ScratchFolder.make());
  const receiver = createServer((request, response) => {
    request.resume().on('end', () => response.end());
    request.on('error', () => undefined);
  });
  await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve));
  stack.defer(() => void receiver.close());
  const url = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/`;
  // The bundle starts in a fraction of the time.
  const copy = stack.use(new ProjectCopy('crash'));
  copy.node('scripts/bundle.ts');
  const program = join(copy.folder, 'dist', 'dockerrun.mjs');
  makeMountPoints();
  stack.defer(removeMountPoints);
  const inputs = await makeInputs(scratch, url);
  crashes.world = { engine: await engineUnderTest(), scratch, inputs, program };
  crashes.stack = stack;
  crashes.moments = 0;
});

test.after(async ({ stack, moments }) => {
  console.log(`the worker was harmed at ${moments} moments`);
  await stack.disposeAsync();
});

/** Asserts that a life ends well wherever it is harmed. */
async function survives(crashes: Crashes, life: Life): Promise<void> {
  const steps = await recordedSteps(crashes.world, life);
  const problems: string[] = [];
  let harmed = 0;
  const group = new TaskGroup(new AbortController().signal);
  const turns = new TaskLimit(group, atOnce);
  await group.start(async () => {
    for (const moment of momentsOf(steps.length)) {
      await turns.start(async () => {
        using directory = new ScratchDirectory('worker-crash');
        const found = await problemsOf(
          crashes.world,
          life,
          { ...moment, mark: join(directory.path, 'harmed') },
          directory.path,
        );
        const where = `${moment.harm} at step ${moment.at} of ${steps.length} (${steps[moment.at - 1]})`;
        const told = found.map((problem) => `${where}: ${problem}`);
        if (told.length > 0) console.log(told.join('\n'));
        problems.push(...told);
        if (existsSync(join(directory.path, 'harmed'))) harmed += 1;
      });
    }
  });
  await group.finish();
  console.log(`${life.name}: harmed at ${harmed} of ${momentsPerLife} moments, among ${steps.length} steps`);
  crashes.moments += harmed;
  assert.equal(problems, []);
  // A life that differs a little from the recorded one may end before its last moments.
  assert.ok(harmed >= momentsPerLife * 0.8, `only ${harmed} moments`);
}

for (const life of lives) {
  test(`a run ends well wherever its worker is harmed: ${life.name}`, (crashes) => survives(crashes, life));
}

test('together with the controller, a crash is planned at 500 moments', () => {
  const ofController = Object.values(scenarios).reduce((sum, { writes }) => sum + 2 * writes, 0);
  const ofWorker = lives.length * momentsPerLife;
  console.log(`${ofController} moments of the controller and ${ofWorker} of the worker`);
  assert.ok(ofController + ofWorker >= 500);
});

test.run();
