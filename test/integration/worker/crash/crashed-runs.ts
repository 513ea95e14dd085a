import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { exitCodes, finalExitCodes } from '../../../../src/api/run-plan.ts';
import { labels } from '../../../../src/api/names.ts';
import type { Engine } from '../../../../src/docker/engine.ts';
import { ScratchDirectory } from '../../../fixtures/scratch-directory.ts';
import { statesOf } from '../../../e2e/support/girder-job.ts';
import { ask } from '../../girder/real-girder.ts';
import type { ScratchFolder } from '../../girder/scratch-folder.ts';
import type { Harm, TracedStep } from './crash-step.ts';
import type { StartedTargets } from './started-targets.ts';
import { type Inputs, type JobStock, type Life, memory, runOf } from './worker-lives.ts';
import { NodeOfOneRun, type Program, type Step, type WorkerEnd } from './worker-pod.ts';

export type World = {
  readonly engine: Engine;
  readonly targets: StartedTargets;
  readonly scratch: ScratchFolder;
  readonly inputs: Inputs;
  readonly program: Program;
  readonly jobs: JobStock;
};

/** Before an error that only the last resort of the worker has handled; crash-step.ts writes it. */
const uncaught = 'uncaught: ';

/** How many steps of a life meet an error of the disk or the network. */
const errorsPerLife = { ENOSPC: 5, EIO: 8 } as const satisfies Record<Exclude<Harm, 'kill'>, number>;

/**
 * The moments at which a life is harmed. The worker is killed before each step that changes something outside
 * of it: a kill before a step that only reads leaves what a kill before the next change leaves.
 */
export function momentsOf(steps: readonly TracedStep[]): Step[] {
  const numbers = (holds: (one: TracedStep) => boolean) =>
    steps.flatMap((one, index) => (holds(one) ? [index + 1] : []));
  const moments = (harm: Harm, chosen: readonly number[]) => chosen.map((at): Step => ({ harm, at }));
  return [
    ...moments(
      'kill',
      numbers(({ changes }) => changes),
    ),
    ...moments(
      'ENOSPC',
      spread(
        numbers(({ grows }) => grows),
        errorsPerLife.ENOSPC,
      ),
    ),
    ...moments(
      'EIO',
      spread(
        numbers(({ name }) => name !== 'spawn'),
        errorsPerLife.EIO,
      ),
    ),
  ];
}

/** So many of the numbers, evenly from the first to the last one. */
function spread(numbers: readonly number[], count: number): number[] {
  const last = numbers.length - 1;
  const chosen = Array.from(
    { length: count },
    (_, index) => numbers[Math.floor((last * index) / (count - 1))],
  );
  return [...new Set(chosen)].filter((number) => number !== undefined);
}

/** The steps of a life without harm, which must end well. */
export async function recordedSteps(world: World, life: Life): Promise<TracedStep[]> {
  using directory = new ScratchDirectory('worker-crash');
  const trace = join(directory.path, 'trace');
  const problems = await problemsOf(world, life, { at: 0, harm: 'kill', trace }, directory.path);
  if (problems.length > 0) throw new Error(`${life.name}, without harm: ${problems.join('; ')}`);
  return JSON.parse(readFileSync(trace, 'utf8')) as TracedStep[];
}

/** One run that is harmed at a step, and everything that is wrong about how it ends. */
export async function problemsOf(world: World, life: Life, step: Step, root: string): Promise<string[]> {
  const itemId = await world.scratch.item(`result of ${crypto.randomUUID()}`);
  const { spec, secrets, job } = await runOf(life, world.inputs, {
    itemId,
    jobs: world.jobs,
    hostDir: NodeOfOneRun.hostDir(root),
  });
  const node = new NodeOfOneRun({ root, program: world.program }, spec, secrets);
  const check = new Check(world, life, node, itemId);
  if (life.isRetried === true) check.killed(await node.attempt(undefined, world.targets.running(node.uid)));
  let end = await node.attempt(step);
  let isCleanedUp = false;
  if (end.code === null) {
    check.killed(end);
    isCleanedUp = step.at % 3 === 0;
    end = isCleanedUp ? await node.cleanUp() : await node.attempt();
    if (isCleanedUp) check.is('the exit code of the cleanup', end.code, 0);
  } else if (end.code !== check.expectedCode) {
    check.failedAsReported(end);
    await check.nothingIsLeft();
    end = await node.attempt();
  }
  if (!isCleanedUp) check.ended(end);
  await check.nothingIsLeft();
  await check.oneTargetAtATime(isCleanedUp ? 0 : 1);
  await check.results(isCleanedUp || saysThatUploadFailed(end));
  if (job !== undefined) {
    const last = (await statesOf(job.jobId)).at(-1);
    check.is('the state of the job', last, isCleanedUp ? 4 : 3);
  }
  node.detach();
  return check.problems;
}

/** A target that failed is not started again, so that its failed upload is not tried again either. */
function saysThatUploadFailed({ report }: WorkerEnd): boolean {
  return report?.reason === 'TargetFailed' && /; also, .*\bEIO\b/.test(report.message ?? '');
}

class Check {
  readonly problems: string[] = [];
  readonly #world: World;
  readonly #life: Life;
  readonly #node: NodeOfOneRun;
  readonly #itemId: string;
  #kills = 0;

  constructor(world: World, life: Life, node: NodeOfOneRun, itemId: string) {
    this.#world = world;
    this.#life = life;
    this.#node = node;
    this.#itemId = itemId;
  }

  get expectedCode(): number {
    return this.#life.reason === 'TargetFailed' ? exitCodes.target : exitCodes.done;
  }

  is(what: string, actual: unknown, expected: unknown): void {
    if (JSON.stringify(actual) === JSON.stringify(expected)) return;
    this.problems.push(`${what} is ${JSON.stringify(actual)}, not ${JSON.stringify(expected)}`);
  }

  killed({ code, output }: WorkerEnd): void {
    if (code === null) this.#kills += 1;
    else this.problems.push(`not killed, but ended with ${code}: ${output}`);
  }

  /** An error of the disk or the network is no defect of ours, and another attempt may cure it. */
  failedAsReported({ code, report, output }: WorkerEnd): void {
    const isReported = report?.phase === 'Failed' && report.reason !== 'WorkerFailed';
    if (!isReported || output.includes(uncaught) || (finalExitCodes as readonly unknown[]).includes(code))
      this.problems.push(
        `failed for good, uncaught, or without a reason: ${code} ${report?.reason} ${report?.message} ${output.slice(-500)}`,
      );
  }

  ended({ code, report, output }: WorkerEnd): void {
    if (code !== this.expectedCode)
      this.problems.push(
        `the last attempt ended with ${code}: ${report?.reason} ${report?.message} ${output.slice(-500)}`,
      );
  }

  async nothingIsLeft(): Promise<void> {
    const filters = JSON.stringify({ label: [`${labels.runUid}=${this.#node.uid}`] });
    const containers = await this.#world.engine.docker.listContainers({ all: true, filters });
    this.is('the number of containers', containers.length, 0);
    const files = readdirSync(this.#node.claim).filter((name) => name !== memory);
    this.is('what is in the claim', files, []);
    this.is('the temporary volumes on the node', this.#node.temporaryVolumes, []);
  }

  /** Also that no attempt started its target twice. */
  async oneTargetAtATime(least: number): Promise<void> {
    const { atOnce, attempts } = await this.#world.targets.allOf(this.#node.uid, { least });
    if (atOnce > 1) this.problems.push(`${atOnce} targets ran at once`);
    this.is('the attempts that started a target', attempts, [...new Set(attempts)]);
  }

  /** An upload is complete or absent. What a killed worker had begun, only Girder's administrator sees. */
  async results(mayBeAbsent: boolean): Promise<void> {
    const { result } = this.#life;
    const { admin } = this.#world.scratch;
    const files = (await ask(admin, 'GET', ['item', this.#itemId, 'files'])) as { size: number }[];
    const sizes = files.map(({ size }) => size);
    const expected = result === undefined ? [] : [result.length];
    if (!(mayBeAbsent && files.length === 0)) this.is('the sizes of the results', sizes, expected);
    const ofItem = { parentId: this.#itemId, limit: 0 };
    const { length } = (await ask(admin, 'GET', ['system', 'uploads'], ofItem)) as unknown[];
    if (length > this.#kills) this.problems.push(`${length} unfinished uploads after ${this.#kills} kills`);
    const all = { parentId: this.#itemId, minimumAge: 0 };
    if (length > 0) await ask(admin, 'DELETE', ['system', 'uploads'], all);
  }
}
