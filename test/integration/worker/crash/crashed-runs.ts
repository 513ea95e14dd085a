import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { exitCodes, finalExitCodes } from '../../../../src/api/reasons.ts';
import { labels } from '../../../../src/api/names.ts';
import type { Engine } from '../../../../src/docker/engine.ts';
import { ScratchDirectory } from '../../../fixtures/scratch-directory.ts';
import { statesOf } from '../../../e2e/support/girder-job.ts';
import { ask } from '../../girder/real-girder.ts';
import type { ScratchFolder } from '../../girder/scratch-folder.ts';
import type { Harm } from './crash-step.ts';
import { type Inputs, type Life, runOf } from './worker-lives.ts';
import { NodeOfOneRun, type Step, type WorkerEnd } from './worker-pod.ts';

export type World = {
  readonly engine: Engine;
  readonly scratch: ScratchFolder;
  readonly inputs: Inputs;
  /** The file of the worker's program. */
  readonly program: string;
};

/** The moments of one life at which harm is done. */
const perLife = { kill: 20, ENOSPC: 5, EIO: 5 } as const satisfies Record<Harm, number>;
export const momentsPerLife = Object.values(perLife).reduce((sum, count) => sum + count, 0);

/** Where in the recorded steps the harm is done: evenly, from the first to the last one. */
export function momentsOf(steps: number): Step[] {
  return Object.entries(perLife).flatMap(([harm, count]) =>
    Array.from({ length: count }, (_, index) => ({
      harm: harm as Harm,
      at: 1 + Math.floor(((steps - 1) * index) / (count - 1)),
    })),
  );
}

/** The steps of a life without harm, which must end well. */
export async function recordedSteps(world: World, life: Life): Promise<string[]> {
  using directory = new ScratchDirectory('worker-crash');
  const trace = join(directory.path, 'trace');
  const problems = await problemsOf(world, life, { at: 0, harm: 'kill', trace }, directory.path);
  if (problems.length > 0) throw new Error(`${life.name}, without harm: ${problems.join('; ')}`);
  return JSON.parse(readFileSync(trace, 'utf8')) as string[];
}

/** One run that is harmed at a step, and everything that is wrong about how it ends. */
export async function problemsOf(world: World, life: Life, step: Step, root: string): Promise<string[]> {
  const itemId = await world.scratch.item(`result of ${crypto.randomUUID()}`);
  const { spec, secrets, job } = await runOf(life, world.inputs, itemId);
  const node = new NodeOfOneRun({ root, program: world.program }, spec, secrets);
  const check = new Check(world, life, node, itemId);
  if (life.isRetried === true) check.killed(await node.attempt({ at: 100, harm: 'kill' }));
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
  await check.results(isCleanedUp);
  if (job !== undefined) {
    const last = (await statesOf(job.jobId)).at(-1);
    check.is('the state of the job', last, isCleanedUp ? 4 : 3);
  }
  node.detach();
  return check.problems;
}

class Check {
  readonly problems: string[] = [];
  readonly #world: World;
  readonly #life: Life;
  readonly #node: NodeOfOneRun;
  readonly #itemId: string;

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
    if (code !== null && code !== this.expectedCode)
      this.problems.push(`not killed, but ended with ${code}: ${output}`);
  }

  /** An error of the disk or the network is no defect of ours, and another attempt may cure it. */
  failedAsReported({ code, report, output }: WorkerEnd): void {
    const isTold = report?.phase === 'Failed' && report.reason !== 'WorkerFailed';
    if (!isTold || (finalExitCodes as readonly unknown[]).includes(code))
      this.problems.push(
        `failed for good, or without a reason: ${code} ${report?.reason} ${report?.message} ${output.slice(-500)}`,
      );
  }

  ended({ code, report, output }: WorkerEnd): void {
    if (code !== this.expectedCode)
      this.problems.push(
        `the last attempt ended with ${code}: ${report?.reason} ${report?.message} ${output.slice(-500)}`,
      );
  }

  async nothingIsLeft(): Promise<void> {
    const { engine, scratch } = this.#world;
    const filters = JSON.stringify({ label: [`${labels.runUid}=${this.#node.uid}`] });
    this.is(
      'the number of containers',
      (await engine.docker.listContainers({ all: true, filters })).length,
      0,
    );
    this.is(
      'what is in the claim',
      readdirSync(this.#node.claim).filter((name) => name !== 'ledger'),
      [],
    );
    const targets = this.#targets();
    this.is('the targets, each once', targets, [...new Set(targets)]);
    if (targets.length > this.#node.pods)
      this.problems.push(`${targets.length} targets in ${this.#node.pods} pods`);
    const uploads = (await ask(scratch.admin, 'GET', ['system', 'uploads'], { limit: 0 })) as {
      parentId?: string;
    }[];
    this.#halfUploads = uploads.filter(({ parentId }) => parentId === this.#itemId).length;
  }

  #halfUploads = 0;

  /** An upload is complete or absent; what a killed worker had begun, only Girder's administrator sees. */
  async results(mayBeAbsent: boolean): Promise<void> {
    const { result } = this.#life;
    const files = (await ask(this.#world.scratch.admin, 'GET', ['item', this.#itemId, 'files'])) as {
      _id: string;
      size: number;
      name: string;
    }[];
    const sizes = files.map(({ size }) => size);
    const expected = result === undefined ? [] : [result.length];
    if (!(mayBeAbsent && files.length === 0)) this.is('the sizes of the results', sizes, expected);
    if (this.#halfUploads > 1) this.problems.push(`${this.#halfUploads} unfinished uploads`);
  }

  #targets(): string[] {
    try {
      return readFileSync(join(this.#node.claim, 'ledger'), 'utf8').trim().split('\n');
    } catch {
      return [];
    }
  }
}
