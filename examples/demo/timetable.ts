import type { DockerRunStatus } from '../../src/api/status.ts';

type Row = { what: string; seconds: number };

/** The duration of each step, in seconds. */
export class Timetable {
  readonly #rows: Row[] = [];

  async measure<T>(what: string, work: () => Promise<T>): Promise<T> {
    const started = performance.now();
    const value = await work();
    this.add(what, (performance.now() - started) / 1000);
    return value;
  }

  add(what: string, seconds: number): void {
    this.#rows.push({ what, seconds });
  }

  /** Aligned lines; indented rows are parts of the row above and do not count in the sum. */
  lines(): string[] {
    const sum = this.#rows
      .filter(({ what }) => !what.startsWith(' '))
      .reduce((all, row) => all + row.seconds, 0);
    return [...this.#rows, { what: 'all', seconds: sum }].map(
      ({ what, seconds }) => `${what.padEnd(44)} ${seconds.toFixed(1).padStart(7)} s`,
    );
  }
}

/** The durations of the parts of a run, from the times in its status. */
export function partsOfRun({ startTime, completionTime, target }: DockerRunStatus): Row[] {
  const between = (from: string | undefined, to: string | undefined) =>
    from === undefined || to === undefined ? [] : [(Date.parse(to) - Date.parse(from)) / 1000];
  const rows = (what: string, seconds: number[]) =>
    seconds.map((value) => ({ what: `  ${what}`, seconds: value }));
  return [
    ...rows('pod started, image and input ready', between(startTime, target?.startedAt)),
    ...rows('target', between(target?.startedAt, target?.finishedAt)),
    ...rows('results uploaded, Job and status complete', between(target?.finishedAt, completionTime)),
  ];
}
