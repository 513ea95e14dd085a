/** Every reason of a run that has not failed; also the reasons of its Events. */
export const progressReasons = {
  Accepted: { meaning: 'The DockerRun is valid and the DockerRunPolicy allows it.' },
  Pending: { meaning: 'The pod of the run is not running yet; the message shows what it waits for.' },
  Preparing: { meaning: 'The worker is pulling the image and downloading the inputs.' },
  Running: { meaning: 'The target is running.' },
  Uploading: { meaning: 'The target ended; the worker is uploading the results.' },
  Retrying: { meaning: 'An attempt failed, or its pod was disrupted; another attempt follows.' },
  PodRejected: {
    meaning:
      'The node rejected the pod before it started; the Job is made again, and backoffLimit is not used up.',
  },
  Suspended: { meaning: 'spec.suspend is true; the run has no pod until it is set to false.' },
  Queued: {
    meaning: 'Another controller, such as Kueue, keeps the Job of the run suspended until there is capacity.',
  },
  Suspending: { meaning: 'spec.suspend is true; the current attempt is being stopped.' },
  Resumed: { meaning: 'spec.suspend is false again, or the queue admitted the run.' },
  Cancelling: { meaning: 'spec.cancel is true; the target is being stopped.' },
  ControllerFailed: { meaning: 'A refusal or a defect keeps the controller from continuing; it retries.' },
  Succeeded: { meaning: 'The target exited with code 0 and every result is in Girder.' },
} as const satisfies Record<string, { readonly meaning: string }>;

export type ProgressReason = keyof typeof progressReasons;
