import { existsSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { build } from 'esbuild';
import { suite } from '../../../fixtures/suite.ts';
import * as assert from 'uvu/assert';
import { doConcurrently } from '../../../../src/support/task-group.ts';
import { bundledProgram } from '../../../fixtures/bundled-program.ts';
import { ScratchDirectory } from '../../../fixtures/scratch-directory.ts';
import { engineUnderTest, never } from '../../docker/engine-under-test.ts';
import { ScratchFolder } from '../../girder/scratch-folder.ts';
import { momentsOf, problemsOf, recordedSteps, type World } from './crashed-runs.ts';
import { StartedTargets } from './started-targets.ts';
import { JobStock, type Life, makeInputs } from './worker-lives.ts';
import { type Program, removeCgroups, type Step } from './worker-pod.ts';

type Crashes = { world: World; stack: AsyncDisposableStack; moments: number };

/** Workers mostly wait for Docker and Girder. */
const atOnce = 6;

/**
 * Runs a test of each life. The worker dies, or its disk or network fails, at steps all over the life: what it
 * calls before the step has happened, and nothing after it. Another attempt or a cleanup then runs, as the Job
 * and the controller do.
 */
export function testCrashes(lives: readonly Life[], { least }: { readonly least: number }): void {
  const test = suite<Crashes>('crashes of the worker');

  test.before(async (crashes) => {
    const stack = new AsyncDisposableStack();
    crashes.stack = stack;
    crashes.moments = 0;
    const scratch = stack.use(await ScratchFolder.make());
    const inputs = await makeInputs(scratch, await receiverOfStreams(stack));
    stack.defer(removeCgroups);
    const engine = await engineUnderTest();
    const targets = stack.use(await StartedTargets.follow(engine));
    const program = await bundledWorker(stack);
    crashes.world = { engine, targets, scratch, inputs, program, jobs: new JobStock() };
  });

  test.after(async ({ stack }) => stack.disposeAsync());

  for (const life of lives) {
    test(`a run ends well wherever its worker is harmed: ${life.name}`, (crashes) => survives(crashes, life));
  }

  test(`the worker was harmed at ${least} moments at least`, ({ moments }) => {
    console.log(`${moments} moments`);
    assert.ok(moments >= least);
  });

  test.run();
}

async function receiverOfStreams(stack: AsyncDisposableStack): Promise<string> {
  const receiver = createServer((request, response) => {
    request.resume().on('end', () => response.end());
    request.on('error', () => undefined);
  });
  await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve));
  stack.defer(() => void receiver.close());
  return `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/`;
}

/** The program as it is in the image, with what is preloaded into it. */
async function bundledWorker(stack: AsyncDisposableStack): Promise<Program> {
  const { path } = stack.use(new ScratchDirectory('worker-crash'));
  const preload = join(path, 'crash-step.mjs');
  const source = join(import.meta.dirname, 'crash-step.ts');
  await build({ entryPoints: [source], outfile: preload, format: 'esm', platform: 'node', target: 'node24' });
  return { file: await bundledProgram(), preload, cache: join(path, 'cache') };
}

/** Asserts that a life ends well wherever it is harmed. */
async function survives(crashes: Crashes, life: Life): Promise<void> {
  const steps = await recordedSteps(crashes.world, life);
  const moments = momentsOf(steps);
  const problems: string[] = [];
  let harmed = 0;
  const survive = async (moment: Step) => {
    using directory = new ScratchDirectory('worker-crash');
    const mark = join(directory.path, 'harmed');
    const found = await problemsOf(crashes.world, life, { ...moment, mark }, directory.path);
    const where = `${moment.harm} at step ${moment.at} of ${steps.length} (${steps[moment.at - 1]?.name})`;
    for (const problem of found) console.log(`${life.name}, ${where}: ${problem}`);
    problems.push(...found);
    if (existsSync(mark)) harmed += 1;
  };
  await doConcurrently(
    moments.map((moment) => () => survive(moment)),
    { limit: atOnce, signal: never },
  );
  console.log(`${life.name}: harmed at ${harmed} of ${moments.length} moments, among ${steps.length} steps`);
  crashes.moments += harmed;
  assert.equal(problems, []);
  // A life that differs a little from the recorded one may end before its last moments.
  assert.ok(harmed >= moments.length * 0.8, `only ${harmed} moments`);
}
