import type { FailureReason } from '../../api/reasons.ts';
import { exitCodes } from '../../api/run-plan.ts';
import { textOf } from '../../api/json-values.ts';
import { defaultTiming } from '../../girder/client.ts';
import { openGirder } from '../../girder/open-girder.ts';
import { deadline } from '../../support/abort.ts';
import { describe, RunError } from '../../support/errors.ts';
import { checkCluster, type Finding } from './cluster-checks.ts';
import type { Terminal } from '../terminal.ts';
import { connectTo, sharesFiles } from '../remote/engine-place.ts';
import { findEngine } from '../local/engine-address.ts';
import { onThisMachine } from '../local/exit-code.ts';
import { checkMachine, useLocalEgress } from '../local/local-environment.ts';

/** Milliseconds for each of the engine and Girder: neither is far away, and a person waits. */
const answerMs = 10_000;

/** Exit code when something failed. */
export const doctorFailed = 1;

/**
 * `dockerrun doctor`: whether the cluster, this machine and Girder can run DockerRuns, a line for each answer, with what
 * to do about those that are not ok. Returns 0 unless something failed.
 */
export async function doctorCommand(terminal: Terminal): Promise<number> {
  const { environment, stdout, stop } = terminal;
  await useLocalEgress(environment);
  const parts = [checkCluster(stop), checkEngine(environment, stop), checkGirder(environment, stop)];
  let hasFailed = false;
  for (const part of parts) {
    for (const finding of [await part].flat()) {
      stdout.write(lineOf(finding));
      hasFailed ||= finding.state === 'failed';
    }
  }
  return hasFailed ? doctorFailed : exitCodes.done;
}

/** Reasons that another key cures; all others are of the address, or of the way to it. */
const keyReasons: readonly FailureReason[] = ['GirderUnauthorized', 'GirderForbidden'];

function girderFix(error: unknown): string {
  return error instanceof RunError && keyReasons.includes(error.reason)
    ? 'create an API key in "My account" with the scopes for data (docs/first-steps.md)'
    : 'check GIRDER_API_URL, which ends with /api/v1, and open it from this machine: curl "$GIRDER_API_URL/system/version"';
}

const subjectWidth = 11;

function lineOf({ subject, state, message, fix }: Finding): string {
  const line = `${subject.padEnd(subjectWidth)}${state.padEnd(9)}${message}\n`;
  return fix === undefined ? line : `${line}${' '.repeat(subjectWidth + 9)}→ ${fix}\n`;
}

/** For `dockerrun run`; a cluster needs no engine here. */
async function checkEngine(environment: NodeJS.ProcessEnv, stop: AbortSignal): Promise<Finding> {
  const subject = 'engine';
  try {
    const { address, text } = await findEngine(environment);
    const signal = deadline(answerMs, stop);
    const isShared = sharesFiles(address, process.platform, false);
    if (isShared) checkMachine();
    const engine = await connectTo(address, { text, restartMs: 0, signal });
    const { serverVersion, cgroupVersion, socketPath } = engine;
    const how = isShared ? '' : ', through a helper container, because it shares no files with this machine';
    const message = `Docker Engine ${serverVersion} with cgroup v${cgroupVersion} at ${socketPath}, for dockerrun run${how}`;
    return { subject, state: 'ok', message };
  } catch (error) {
    stop.throwIfAborted();
    const fix = 'only dockerrun run needs an engine (docs/local-runs.md); a cluster does not';
    return { subject, state: 'warning', message: onThisMachine(describe(error)), fix };
  }
}

async function checkGirder(environment: NodeJS.ProcessEnv, stop: AbortSignal): Promise<Finding> {
  const subject = 'Girder';
  const [apiUrl, apiKey, token] = ['GIRDER_API_URL', 'GIRDER_API_KEY', 'GIRDER_TOKEN'].map((name) =>
    textOf(environment[name]),
  );
  if (apiUrl === undefined || (apiKey ?? token) === undefined) {
    const message = 'set GIRDER_API_URL and GIRDER_API_KEY to have it checked';
    return { subject, state: 'skipped', message };
  }
  const credentials = apiKey === undefined ? { token: token ?? '' } : { apiKey };
  try {
    const signal = deadline(answerMs, stop);
    const needs = ['read', 'write'] as const;
    // A Girder that is silent is reported by its address after two tries, before the time for all of it is over.
    const tryMs = answerMs / 5;
    const timing = { ...defaultTiming, answer: tryMs };
    const client = await openGirder({ apiUrl, credentials, needs, signal, timing, patienceMs: tryMs });
    await client.close();
    return {
      subject,
      state: 'ok',
      message: `${apiUrl} accepts the credentials, which may read and write data`,
    };
  } catch (error) {
    stop.throwIfAborted();
    return { subject, state: 'failed', message: describe(error), fix: girderFix(error) };
  }
}
