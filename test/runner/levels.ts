import { globSync } from 'node:fs';

/** A folder of tests and how they are run. */
export type Level = {
  readonly name: string;
  /** Whether all files share one process, which is fast; else a crash or hang affects only its own file. */
  readonly together: boolean;
  /** How many files run at once if each has its own process; they spend most of their time waiting. */
  readonly atOnce: number;
  /** Files of other folders that run here as well, on the node that is tested. */
  readonly borrowed?: readonly string[];
  /** Ends of the paths of files that must run alone: they disturb others, or others disturb them. */
  readonly alone: readonly string[];
  /** Ends of the paths of long files, which start first, so that none of them is left alone at the end. */
  readonly first: readonly string[];
  /**
   * Of the files that must run alone, those that disturb no file of another level: when that level runs as well, they
   * run there, one at a time beside its files.
   */
  readonly guests?: { readonly at: string; readonly files: readonly string[] };
  readonly levelMs: number;
  readonly fileMs: number;
};

const second = 1_000;
const minute = 60 * second;

const levels: readonly Level[] = [
  { name: 'unit', together: true, atOnce: 1, alone: [], first: [], levelMs: 5 * minute, fileMs: 3 * minute },
  {
    name: 'integration',
    together: false,
    atOnce: 5,
    // It measures how soon a lost connection is detected.
    alone: ['list-watch-patience.test.ts'],
    // The workers of worker/crash listen on the port of every simulated pod: they stay at the end.
    first: [
      'girder/many-files.test.ts',
      'girder/assetstores.test.ts',
      'worker/hostile-volumes.test.ts',
      'bridge/killed-at-each-step.test.ts',
      'bridge/killed-beside-another.test.ts',
    ],
    levelMs: 50 * minute,
    fileMs: 12 * minute,
  },
  {
    name: 'e2e',
    together: false,
    atOnce: 3,
    // The first looks whether the cluster can run DockerRuns at all. The next eleven stop or replace the controller or parts of the node, or change its settings; the last two need
    // both processors.
    alone: [
      'e2e/doctor.test.ts',
      'attacks/nodes.test.ts',
      'upgrade/upgrade.test.ts',
      'upgrade/set-upgrade.test.ts',
      'e2e/webhook.test.ts',
      'disruptions.test.ts',
      'node-restarts.test.ts',
      'handover.test.ts',
      'round-trip.test.ts',
      'helm.test.ts',
      'closed-network.test.ts',
      'denied-network.test.ts',
      'big-stream.test.ts',
      'attacks/waiting-crowd.test.ts',
    ],
    first: [
      'bridge/slicer.test.ts',
      'sets/set-crashes.test.ts',
      'sets/set-changes.test.ts',
      'sets/set-failures.test.ts',
      'sets/set-controls.test.ts',
      'suspend-resume.test.ts',
      'host-paths.test.ts',
      'attacks/added-containers.test.ts',
    ],
    // No file of integration uses the installed operator or a pod of the cluster's kubelet.
    guests: {
      at: 'integration',
      files: [
        'disruptions.test.ts',
        'helm.test.ts',
        'upgrade/upgrade.test.ts',
        'upgrade/set-upgrade.test.ts',
        'closed-network.test.ts',
        'handover.test.ts',
        'e2e/webhook.test.ts',
      ],
    },
    levelMs: 50 * minute,
    fileMs: 20 * minute,
  },
  {
    // The second node of `make node-up`; not a part of `make test`.
    name: 'nodes',
    together: false,
    atOnce: 1,
    borrowed: [
      'test/e2e/round-trip.test.ts',
      'test/e2e/target.test.ts',
      'test/e2e/defects/target.test.ts',
      'test/e2e/girder-worker/cancel.test.ts',
      'test/e2e/girder-worker/girder-data.test.ts',
      'test/e2e/volumes.test.ts',
      'test/e2e/temporary-volumes.test.ts',
      'test/e2e/claims.test.ts',
    ],
    alone: [
      'nodes/one-round-trip.test.ts',
      'nodes/lost-node.test.ts',
      'nodes/two-nodes.test.ts',
      'nodes/lost-leader.test.ts',
      'nodes/upgrade-there.test.ts',
      'nodes/engine-in-pod.test.ts',
    ],
    first: [],
    levelMs: 50 * minute,
    fileMs: 15 * minute,
  },
  {
    // What CI runs on the second node.
    name: 'one-node',
    together: false,
    atOnce: 1,
    borrowed: ['test/nodes/one-round-trip.test.ts'],
    alone: [],
    first: [],
    levelMs: 3 * minute,
    fileMs: 3 * minute,
  },
];

export const levelNames = levels.map(({ name }) => name);

export function levelNamed(name: string): Level | undefined {
  return levels.find((level) => level.name === name);
}

/** The test files of a level in a fixed order, relative to the root of the project. */
export function filesOf(level: Level): string[] {
  const own = globSync(`test/${level.name}/**/*.test.ts`).toSorted();
  return [...(level.borrowed ?? []), ...own];
}

/** Whether the path of a file ends with one of these. */
export function isIn(ends: readonly string[], file: string): boolean {
  return ends.some((end) => file.endsWith(`/${end}`));
}

/** What runs in a level: its own files, without those that another wanted level has as guests, and its guests. */
export type Share = {
  readonly level: Level;
  readonly own: readonly string[];
  readonly guests: readonly string[];
};

/** Divides the files of some levels among them. */
export function sharesOf(wanted: readonly Level[], files = filesOf): Share[] {
  const isWanted = (name: string) => wanted.some((level) => level.name === name);
  const isAway = ({ guests }: Level, file: string) =>
    guests !== undefined && isWanted(guests.at) && isIn(guests.files, file);
  return wanted.map((level) => ({
    level,
    own: files(level).filter((file) => !isAway(level, file)),
    guests: wanted
      .filter(({ guests }) => guests?.at === level.name)
      .flatMap((other) => files(other).filter((file) => isAway(other, file))),
  }));
}
