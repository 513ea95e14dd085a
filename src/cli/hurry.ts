import { containerName } from '../api/names.ts';
import { connectEngine } from '../docker/engine.ts';
import { engineCall } from '../docker/engine-call.ts';
import { deadline } from '../support/abort.ts';
import type { RunEnvironment } from '../worker/run-environment.ts';

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
