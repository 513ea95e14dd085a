/** What the header says of the Girder job: its id, and the token that may only change this job. */
export type JobAddress = { readonly apiUrl: string; readonly id: string; readonly token: string };

/** A message as the broker delivers it. `body` is its text; headers are an AMQP table. */
export type TaskMessage = {
  readonly headers: unknown;
  readonly contentType: string | undefined;
  readonly body: Buffer;
  readonly queue: string;
  readonly priority: number | undefined;
};

/** A Secret for the run; the bridge sets its owner. `data` are texts. */
export type SecretDraft = { readonly name: string; readonly data: Readonly<Record<string, string>> };

export type Outcome =
  | {
      readonly kind: 'Run';
      readonly taskId: string;
      readonly job: JobAddress | undefined;
      readonly run: RunDraft;
      readonly secret: SecretDraft | undefined;
      readonly notes: readonly string[];
      readonly notBefore: number | undefined;
    }
  | {
      readonly kind: 'Refused';
      readonly taskId: string | undefined;
      readonly job: JobAddress | undefined;
      readonly message: string;
    }
  | {
      readonly kind: 'Foreign';
      readonly taskId: string | undefined;
      readonly taskName: string;
      readonly job: JobAddress | undefined;
    }
  | { readonly kind: 'BuiltIn'; readonly taskName: string };

/** A DockerRun to create: metadata (name girder-<task id>, labels, annotations) and spec; namespace by the queue's settings. */
export type RunDraft = {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly labels: Readonly<Record<string, string>>;
    readonly annotations: Readonly<Record<string, string>>;
  };
  readonly spec: Readonly<Record<string, unknown>>;
};

/** How messages of one queue become runs: the operator's choice (chart values bridge.queues). */
export type QueueSettings = {
  readonly queue: string;
  readonly namespace: string;
  readonly nodeSelector?: Readonly<Record<string, string>>;
  readonly priorityClassName?: string;
  /** Kueue's. */
  readonly localQueue?: string;
  /** The default of spec.resources. */
  readonly resources?: object;
  readonly activeDeadlineSeconds?: number;
  readonly startDeadlineSeconds?: number;
  readonly ttlSecondsAfterFinished?: number;
};

export type TranslationSettings = {
  readonly queues: readonly QueueSettings[];
  /** Girder's address for nodes, replaces the message's. */
  readonly girderApiUrl?: string;
  /** For GirderApiUrl arguments. */
  readonly targetGirderApiUrl?: string;
  /** DirectGirderFileIdToVolume. */
  readonly pathMap: readonly { readonly girder: string; readonly node: string }[];
  readonly userLabel: boolean;
};
