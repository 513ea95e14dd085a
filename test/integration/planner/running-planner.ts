import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { PlannerPlan } from '../../../src/api/set/planner-plan.ts';
import { parsePlannerReport, type PlannerReport, type WindowItem } from '../../../src/api/set/window.ts';
import { sleep } from '../../../src/support/abort.ts';
import { Child } from '../../fixtures/child-process.ts';
import { freePorts } from '../../fixtures/free-ports.ts';
import { until } from '../../fixtures/until.ts';

/** A planner's process, asked as the controller does. */
export class RunningPlanner implements AsyncDisposable {
  readonly podUid = randomUUID();
  readonly offered: WindowItem[] = [];
  readonly #child: Child;
  readonly #port: number;
  #after = 0;
  #isDone = false;

  private constructor(child: (podUid: string) => Child, port: number) {
    this.#child = child(this.podUid);
    this.#port = port;
  }

  static async start(plan: PlannerPlan, directory: string): Promise<RunningPlanner> {
    const [port = 0] = await freePorts(1);
    const program = join(import.meta.dirname, 'planner-process.ts');
    const child = (podUid: string) => {
      const env = { ...process.env, PLAN: JSON.stringify(plan), POD_UID: podUid, PORT: String(port) };
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

  /** Bytes of memory, at most so far. */
  get peakMemory(): number {
    const [, kib = '0'] =
      /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${this.#child.pid}/status`, 'utf8')) ?? [];
    return Number(kib) * 1024;
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

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#child[Symbol.asyncDispose]();
  }
}
