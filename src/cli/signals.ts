import { containerName } from '../api/names.ts';
import { exitCodes } from '../api/reasons.ts';
import { engineCall } from '../docker/engine-call.ts';
import { connectEngine } from '../docker/engine.ts';
import { deadline } from '../support/abort.ts';
import { onUncaughtError } from '../support/errors.ts';
import type { RunEnvironment } from '../worker/run-environment.ts';

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Calls `kill` once, when the process receives another signal after the one that aborted `stop`. */
export function onSecondSignal(stop: AbortSignal, kill: () => void): Disposable {
  let isDone = false;
  let received = stop.aborted ? 1 : 0;
  const count = () => {
    received += 1;
    if (received < 2 || isDone) return;
    isDone = true;
    kill();
  };
  for (const signal of signals) process.on(signal, count);
  return {
    [Symbol.dispose]: () => {
      for (const signal of signals) process.off(signal, count);
    },
  };
}

/**
 * Aborts on an uncaught error, which is a defect of ours, so that the run is stopped and cleaned up; without
 * this, Node would exit and leave the target running. A second uncaught error exits at once.
 */
export function defectSignal(): AbortSignal {
  const stopping = new AbortController();
  onUncaughtError((defect) => {
    if (stopping.signal.aborted) process.exit(exitCodes.internal);
    stopping.abort(defect);
  });
  return stopping.signal;
}

const killMs = 10_000;

/** Kills the target; the run then ends as usual. Never rejects, also if there is no target. */
export async function killTarget({ run, attempt, dockerSocket }: RunEnvironment): Promise<void> {
  const signal = deadline(killMs);
  try {
    const { docker } = await connectEngine({ socketPath: dockerSocket, signal });
    const container = docker.getContainer(containerName(run.uid, attempt));
    await engineCall({ signal }, (abortSignal) => container.kill({ abortSignal }));
  } catch {
    // The stop that is under way continues, with bounds of its own.
  }
}
