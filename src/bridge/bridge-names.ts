import { group } from '../api/names.ts';

/** Annotations on the DockerRuns of the bridge, beside those with the facts of the message: what it has to remember. */
export const bridgeAnnotations = {
  /** What the user should know about how the run differs from Girder Worker's: lines for the log of the Girder job. */
  notes: `${group}/bridge-notes`,
  /** When a suspended run is resumed, as RFC 3339: Celery's `eta`. Removed when it is. */
  notBefore: `${group}/bridge-not-before`,
  /** The run has ended, and so has its Girder job. */
  reported: `${group}/bridge-reported`,
} as const;
