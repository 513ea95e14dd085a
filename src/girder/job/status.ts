/** The states of a job that matter to a run; the numbers are Girder's, 824 is its worker plugin's. */
export const jobStatus = {
  inactive: 0,
  queued: 1,
  running: 2,
  success: 3,
  error: 4,
  canceled: 5,
  canceling: 824,
} as const;

/** The only states a run sets: with any of 820 to 823 Girder could not cancel the job any more. */
export type SettableStatus = 2 | 3 | 4 | 5;

/** True when somebody cancelled the job in Girder, whether or not that is over. */
export function isCancel(status: number): boolean {
  return status === jobStatus.canceling || status === jobStatus.canceled;
}

/** True for the states that no job leaves again. */
export function isFinal(status: number): boolean {
  return status >= jobStatus.success && status <= jobStatus.canceled;
}

/**
 * The state to ask for next on the way to `wanted`, or undefined when there is none: Girder lets a job succeed or
 * fail only when it ran, and once it is being cancelled it can no longer succeed.
 */
export function nextStatus(current: number, wanted: SettableStatus): SettableStatus | undefined {
  if (current === wanted || isFinal(current)) return undefined;
  if (current === jobStatus.canceling) {
    if (wanted === jobStatus.running) return undefined;
    return wanted === jobStatus.error ? wanted : jobStatus.canceled;
  }
  const hasRun = current !== jobStatus.inactive && current !== jobStatus.queued;
  return hasRun || wanted === jobStatus.canceled ? wanted : jobStatus.running;
}
