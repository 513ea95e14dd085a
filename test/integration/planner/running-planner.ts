import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import type { PlannerPlan } from '../../../src/api/set/planner-plan.ts';
import { parsePlannerReport, type PlannerReport, type WindowItem } from '../../../src/api/set/window.ts';
import { sleep } from '../../../src/support/abort.ts';
import { Child } from '../../fixtures/child-process.ts';
import { freePorts } from '../../fixtures/free-ports.ts';
import { until } from '../../fixtures/until.ts';

/** As in the pods of workers. */
const nodeOptions = '--max-old-space-size=96 --max-semi-space-size=1';

const source = join(import.meta.dirname, 'planner-process.ts');

/** The program of a planner as the image has it: bundled, so that Node does not compile types. */
export async function bundledPlanner(directory: string): Promise<string> {
  const outfile = join(directory, 'planner.mjs');
  const js = "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);";
  const settings = { bundle: true, platform: 'node', format: 'esm', logLevel: 'silent' } as const;
  await build({ entryPoints: [source], outfile, banner: { js }, ...settings });
  return outfile;
}

/** A planner's process, asked as the controller does. */
export class RunningPlanner implements AsyncDisposable {
  readonly podUid = randomUUID();
  readonly offered: WindowItem[] = [];
  readonly #child: Child;
  readonly #port: number;
  #after = 0;
  #isDone = false;
  #peakMemory = 0;

  private constructor(child: (podUid: string) => Child, port: number) {
    this.#child = child(this.podUid);
    this.#port = port;
  }

  static async start(plan: PlannerPlan, directory: string, program = source): Promise<RunningPlanner> {
    const [port = 0] = await freePorts(1);
    const child = (podUid: string) => {
      const env = {
        ...process.env,
        PLAN: JSON.stringify(plan),
        POD_UID: podUid,
        PORT: String(port),
        NODE_OPTIONS: nodeOptions,
      };
      return new Child(process.execPath, [program], { logFile: join(directory, `planner-${port}.log`), env });
    };
    return new RunningPlanner(child, port);
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}/${this.podUid}`;
  }

  get process(): Child {
    return this.#child;
  }

  /** Bytes of its own memory, at most so far; Node's program, which the kernel maps from its file, is not in it. */
  get peakMemory(): number {
    return this.#peakMemory;
  }

  /** One request; undefined while the planner does not answer. */
  async ask(after = this.#after, isDone = this.#isDone): Promise<PlannerReport | undefined> {
    const url = `${this.url}?after=${after}&done=${isDone ? 1 : 0}`;
    const answer = await fetch(url, { signal: AbortSignal.timeout(5_000) }).catch(() => undefined);
    return answer === undefined ? undefined : parsePlannerReport(await answer.text(), this.podUid);
  }

  /** Takes all inputs, and says that all chunks have ended when the walk has. Returns the last report. */
  async toEnd(withinMs: number): Promise<PlannerReport> {
    const end = await until(
      'the pass has ended',
      async () => {
        const report = await this.ask();
        this.#measure();
        const news = (report?.items ?? []).filter(({ seq }) => seq > this.#after);
        this.offered.push(...news);
        this.#after = news.at(-1)?.seq ?? this.#after;
        this.#isDone = report?.state === 'Draining';
        if (news.length === 0) await sleep(20);
        return report;
      },
      { holds: (report) => report?.state === 'Done' || report?.state === 'Failed', withinMs },
    );
    if (end === undefined) throw new Error('there is no report');
    return end;
  }

  #measure(): void {
    const status = readFileSync(`/proc/${this.#child.pid}/status`, 'utf8');
    const [, kib = '0'] = /RssAnon:\s+(\d+) kB/.exec(status) ?? [];
    this.#peakMemory = Math.max(this.#peakMemory, Number(kib) * 1024);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#child[Symbol.asyncDispose]();
  }
}
