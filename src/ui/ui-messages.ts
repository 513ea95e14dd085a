/** What the server of `dockerrun ui` sends to its page, and what the page asks it to do. */

export type KindOfObject = 'runs' | 'sets';

/** What the lists show of a DockerRun. Times are RFC 3339, as Kubernetes writes them. */
export type RunSummary = {
  /** `<namespace>/<name>` */
  readonly key: string;
  readonly namespace: string;
  readonly name: string;
  readonly version: string;
  readonly created: string;
  readonly phase: string;
  readonly reason: string;
  readonly image: string;
  readonly progress: string;
  readonly node: string;
  /** The name of the DockerRunSet whose chunk it is; '' if it is none. */
  readonly set: string;
  readonly completed: string;
};

/** What the lists show of a DockerRunSet. */
export type SetSummary = {
  readonly key: string;
  readonly namespace: string;
  readonly name: string;
  readonly version: string;
  readonly created: string;
  readonly phase: string;
  readonly counts: SetCounts;
  readonly eta: string;
};

export type SetCounts = {
  readonly seen: number;
  readonly done: number;
  readonly running: number;
  readonly failed: number;
  readonly waiting: number;
};

/** How far a set was at some time, in milliseconds since 1970. */
export type SetPoint = { readonly at: number; readonly counts: SetCounts; readonly itemsPerHour: number };

/** One server-sent event: objects that are new or have changed, and the keys of those that were deleted. */
export type Update = {
  readonly runs: readonly RunSummary[];
  readonly sets: readonly SetSummary[];
  readonly goneRuns: readonly string[];
  readonly goneSets: readonly string[];
  /** Whether all objects that exist have been sent, by this update or earlier ones. */
  readonly isComplete: boolean;
  /** Whether the watches are open. What the page shows is old if they are not. */
  readonly isLive: boolean;
  /** The only namespace that is shown; undefined if it is all of them. */
  readonly namespace: string | undefined;
};

/** The answer about one object. */
export type ObjectAnswer = {
  /** As the API server stores it, without `managedFields`. */
  readonly object: unknown;
  readonly yaml: string;
  /** Of a set only, oldest first. */
  readonly points: readonly SetPoint[];
};

/** What a user can do to a run or set from the page. */
export const actions = ['cancel', 'suspend', 'resume', 'retry', 'delete'] as const;
export type Action = (typeof actions)[number];

export type ActionRequest = {
  readonly kind: KindOfObject;
  readonly namespace: string;
  readonly name: string;
  /** The object that the user looked at: another one of the same name is left alone. */
  readonly uid: string;
  readonly action: Action;
};

/** The name of the new run after a retry of a run. */
export type ActionAnswer = { readonly created?: string };

/** The body of every answer that is not 2xx: one sentence that says what failed and what to do. */
export type ErrorAnswer = { readonly error: string };
