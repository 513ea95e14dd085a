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

/** A Secret for the run; the bridge sets its owner. `data` are texts, and the only place with tokens. */
export type SecretDraft = { readonly name: string; readonly data: Readonly<Record<string, string>> };

/**
 * What becomes of a message: a DockerRun; a refusal, whose sentence ends the Girder job; a task for another worker; or
 * a task of Celery's own, which has no effect here.
 */
export type Outcome =
  | {
      readonly kind: 'Run';
      readonly taskId: string;
      readonly job: JobAddress | undefined;
      readonly run: RunDraft;
      readonly secret: SecretDraft | undefined;
      /** Sentences for the log of the Girder job: what is different from Girder Worker. */
      readonly notes: readonly string[];
      /** Before this time the run must not start; ms since 1970. */
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

/** A DockerRun to create, without the defaults that the API server sets. */
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

/** How messages of one queue become runs: the operator's choice. */
export type QueueSettings = {
  readonly queue: string;
  readonly namespace: string;
  readonly nodeSelector?: Readonly<Record<string, string>>;
  readonly priorityClassName?: string;
  /** Kueue's. */
  readonly localQueue?: string;
  /** `spec.resources`; it takes precedence over limits in the message. */
  readonly resources?: object;
  /** For messages without a time limit. */
  readonly activeDeadlineSeconds?: number;
  readonly startDeadlineSeconds?: number;
  readonly ttlSecondsAfterFinished?: number;
};

export type TranslationSettings = {
  readonly queues: readonly QueueSettings[];
  /** Girder's address as the nodes reach it, in place of that of the message. */
  readonly girderApiUrl?: string;
  /** Girder's address as targets reach it, for arguments that name it. */
  readonly targetGirderApiUrl?: string;
  /** Where the nodes have the files that Girder keeps below a directory of its own. */
  readonly pathMap: readonly { readonly girder: string; readonly node: string }[];
  /** Whether runs get a label with the id of the user in Girder, for quotas. */
  readonly userLabel: boolean;
};
