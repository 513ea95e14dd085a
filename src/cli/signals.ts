import { containerName } from '../api/names.ts';
import { exitCodes } from '../api/reasons.ts';
import { engineCall } from '../docker/engine-call.ts';
import { connectEngine } from '../docker/engine.ts';
import { deadline } from '../support/abort.ts';
import { onUncaughtError } from '../support/errors.ts';
import type { RunEnvironment } from '../worker/run-environment.ts';

const names = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * Calls `hurry`, once, when the process gets another signal after the one that `stop` stands for. Disposing lets go
 * of the signals.
 */
export function onSecondSignal(stop: AbortSignal, kill: () => void): Disposable {
  let isDone = false;
  let seen = stop.aborted ? 1 : 0;
  const count = () => {
    seen += 1;
    if (seen < 2 || isDone) return;
    isDone = true;
    kill();
  };
  for (const name of names) process.on(name, count);
  return {
    [Symbol.dispose]: () => {
      for (const name of names) process.off(name, count);
    },
  };
}

/**
 * Aborts when something fails where nobody waits for it, which is a defect of ours, so that the run is stopped and
 * cleaned up; without this, Node would end the process and leave the target running. A second one ends the process.
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

/** Kills the target of a run at once; whoever runs it sees it end and cleans up. A target that is not there is fine. */
export async function killTarget({ run, attempt, dockerSocket }: RunEnvironment): Promise<void> {
  const signal = deadline(killMs);
  try {
    const { docker } = await connectEngine({ socketPath: dockerSocket, signal });
    const container = docker.getContainer(containerName(run.uid, attempt));
    await engineCall({ signal }, (abortSignal) => container.kill({ abortSignal }));
  } catch {
    // Stopping goes on as it did; it has bounds of its own.
  }
}
