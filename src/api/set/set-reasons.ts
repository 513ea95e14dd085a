/**
 * The reasons in the conditions and Events of a DockerRunSet, beside those that a set has in common with a run: every
 * failure reason, and Accepted, Suspended, Resumed, Cancelling and ControllerFailed.
 */
export const setReasons = {
  Listing: { meaning: 'The planner compares the inputs with their results; nothing has to run yet.' },
  Canary: {
    meaning: 'The first inputs run, one in a pod; the others start when enough of them have succeeded.',
  },
  Processing: { meaning: 'Inputs run, or wait for their turn.' },
  Idle: { meaning: 'The last pass has ended; the message says when the next one starts.' },
  Complete: {
    meaning: 'A whole pass found nothing that has to run. A change of the spec starts another pass.',
  },
  WaitingForPolicy: { meaning: 'Nothing starts until the DockerRunPolicy is valid.' },
  PausedInGirder: {
    meaning:
      'The metadata of the results folder in Girder, or of the source folder with place Input, asks for a pause: nothing starts until it does not.',
  },
  CanaryFailed: {
    meaning:
      'As many of the first inputs failed as had to succeed. A change of the spec lets the set continue.',
  },
  FailureBudgetExceeded: {
    meaning: 'More inputs failed than failureBudget allows. A change of the spec lets the set continue.',
  },
  ChunksFailed: {
    meaning:
      'Whole DockerRuns of the set failed in a row, for a reason that is not of an input. A change of the spec lets the set continue.',
  },
  ChunkRefused: {
    meaning:
      'The API server refuses the DockerRuns of the set or the Job of its planner, as by an admission policy. A change of the spec lets the set continue.',
  },
  PassFailed: { meaning: 'The planner of a pass failed; another one follows.' },
  PassRefused: {
    meaning:
      'The planner cannot continue without a person, for example with other credentials. A change of the spec lets the set continue.',
  },
} as const satisfies Record<string, { readonly meaning: string }>;

export type SetReason = keyof typeof setReasons;
