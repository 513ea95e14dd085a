/**
 * What the page reads of a DockerRun or DockerRunSet. The API server has checked the objects against their schemas, but a
 * newer operator may have other fields, so everything is optional.
 */
export type RunObject = {
  readonly metadata?: {
    readonly uid?: string;
    readonly creationTimestamp?: string;
    readonly labels?: Readonly<Record<string, string>>;
  };
  readonly spec?: RunSpec;
  readonly status?: RunStatus;
};

/** What runs and sets have in common. */
export type ObjectMembers = {
  readonly metadata?: RunObject['metadata'];
  readonly spec?: { readonly suspend?: boolean; readonly forEach?: unknown };
  readonly status?: { readonly phase?: string; readonly message?: string };
};

export type RunSpec = {
  readonly image?: string;
  readonly command?: readonly string[];
  readonly args?: readonly string[];
  readonly suspend?: boolean;
  readonly cancel?: boolean;
  readonly forEach?: unknown;
  readonly transforms?: readonly NamedMembers[];
  readonly volumes?: readonly NamedMembers[];
  readonly girderResultHooks?: readonly Members[];
  readonly girder?: { readonly apiUrl?: string; readonly job?: { readonly id?: string } };
};

export type Members = Readonly<Record<string, unknown>>;
type NamedMembers = Members & { readonly name?: string };

export type Condition = {
  readonly type: string;
  readonly status: string;
  readonly reason?: string;
  readonly message?: string;
  readonly lastTransitionTime?: string;
};

export type Transfer = {
  readonly name: string;
  readonly direction: string;
  readonly bytes?: number;
  readonly totalBytes?: number;
};

export type Attempt = {
  readonly podName?: string;
  readonly nodeName?: string;
  readonly startTime?: string;
  readonly completionTime?: string;
  readonly exitCode?: number;
  readonly reason?: string;
  readonly message?: string;
};

export type RunStatus = {
  readonly phase?: string;
  readonly reason?: string;
  readonly message?: string;
  readonly nodeName?: string;
  readonly podName?: string;
  readonly startTime?: string;
  readonly completionTime?: string;
  readonly attempts?: number;
  readonly conditions?: readonly Condition[];
  readonly progress?: { readonly message?: string; readonly percent?: number; readonly summary?: string };
  readonly transfers?: readonly Transfer[];
  readonly attemptHistory?: readonly Attempt[];
  readonly results?: readonly { readonly name?: string; readonly size?: number; readonly url?: string }[];
  readonly resultCount?: number;
  readonly target?: {
    readonly exitCode?: number;
    readonly startedAt?: string;
    readonly finishedAt?: string;
    readonly reason?: string;
  };
};

export type SetObject = {
  readonly metadata?: RunObject['metadata'];
  readonly spec?: { readonly suspend?: boolean; readonly girder?: { readonly apiUrl?: string } };
  readonly status?: {
    readonly phase?: string;
    readonly message?: string;
    readonly conditions?: readonly Condition[];
    readonly items?: Readonly<Record<string, number>>;
    readonly rate?: { readonly itemsPerHour?: number; readonly eta?: string };
    readonly why?: Readonly<Record<string, number>>;
    readonly pass?: { readonly number?: number; readonly startTime?: string; readonly finishTime?: string };
    readonly live?: { readonly chunks?: number; readonly target?: number };
    readonly failures?: readonly FailureGroup[];
    readonly report?: { readonly itemId?: string; readonly name?: string };
  };
};

export type FailureGroup = {
  readonly reason: string;
  readonly count: number;
  readonly message?: string;
  readonly examples?: readonly { readonly itemId: string; readonly name?: string }[];
};
