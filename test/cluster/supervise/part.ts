import type { Address } from './port-check.ts';

/** What to execute; `env` is added to a small allow-list of the caller's own variables. */
export type PartCommand = {
  command: string;
  args: readonly string[];
  env?: Readonly<Record<string, string>>;
};

/** One long-running process of the cluster, described as data for the supervisor. */
export type Part = {
  name: string;
  /** What the cluster needs it for, shown by `status`. */
  why: string;
  /** Names of steps or parts that must be done or healthy first. */
  after: readonly string[];
  /** Writes the configuration files; runs on every `up`, so that a changed one is noticed. */
  configure?: () => void;
  /** Removes what a killed predecessor would make the part trip over; runs only when it is about to start. */
  clearStale?: () => void;
  /** Must be free before the start, so that no stranger answers the health check. */
  listens: readonly Address[];
  command: () => PartCommand;
  /** Paths of configuration files whose content decides, with the command, whether a running process is out of date. */
  configFiles?: readonly string[];
  /** Settles when the part serves; rejects with the reason while it does not. */
  checkHealth: (signal: AbortSignal) => Promise<void>;
  healthySeconds: number;
  /** Between SIGTERM and SIGKILL. */
  stopSeconds: number;
};
