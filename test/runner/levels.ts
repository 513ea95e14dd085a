import { globSync } from 'node:fs';

/** A folder of tests and how they are run. */
export type Level = {
  readonly name: string;
  /** Whether all files share one process, which is fast; else a file that crashes or hangs costs only itself. */
  readonly together: boolean;
  readonly levelMs: number;
  readonly fileMs: number;
};

const second = 1_000;
const minute = 60 * second;

const levels: readonly Level[] = [
  { name: 'unit', together: true, levelMs: 5 * minute, fileMs: 60 * second },
  { name: 'integration', together: false, levelMs: 30 * minute, fileMs: 5 * minute },
  { name: 'e2e', together: false, levelMs: 40 * minute, fileMs: 20 * minute },
];

export const levelNames = levels.map(({ name }) => name);

export function levelNamed(name: string): Level | undefined {
  return levels.find((level) => level.name === name);
}

/** The test files of a level in a fixed order, relative to the root of the project. */
export function filesOf(level: Level): string[] {
  return globSync(`test/${level.name}/**/*.test.ts`).toSorted();
}
