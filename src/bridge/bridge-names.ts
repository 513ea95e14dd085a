import { group } from '../api/names.ts';

/** On every DockerRun and Secret that the bridge creates. */
export const bridgeLabel = `${group}/bridge`;

/** Annotations on the DockerRuns of the bridge; what it has to remember is in Kubernetes. */
export const bridgeAnnotations = {
  /** The id of the task in Celery, by which a cancel is broadcast. */
  taskId: `${group}/celery-task-id`,
  /** What the user should know about how the run differs from Girder Worker's: lines for the log of the Girder job. */
  notes: `${group}/bridge-notes`,
  /** When a suspended run is resumed, as RFC 3339: Celery's `eta`. Removed when it is. */
  notBefore: `${group}/bridge-not-before`,
  /** The run has ended, and so has its Girder job. */
  reported: `${group}/bridge-reported`,
} as const;
