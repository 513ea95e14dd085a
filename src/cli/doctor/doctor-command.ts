import type { FailureReason } from '../../api/reasons.ts';
import { exitCodes } from '../../api/run-plan.ts';
import { textOf } from '../../api/json-values.ts';
import { defaultTiming } from '../../girder/client.ts';
import { openGirder } from '../../girder/open-girder.ts';
import { deadline } from '../../support/abort.ts';
import { describe, errorCode, RunError } from '../../support/errors.ts';
import { checkCluster, type Finding } from './cluster-checks.ts';
import type { Given } from '../arguments.ts';
import { withEnvFile } from '../offline/manifest.ts';
import type { Terminal } from '../terminal.ts';
import { connectTo, sharesFiles } from '../remote/engine-place.ts';
import { defaultSource, findEngine } from '../local/engine-address.ts';
import { localRemedy, ofVariables, onThisMachine } from '../local/exit-code.ts';
import { checkMachine, useLocalEgress } from '../local/local-environment.ts';

/** Milliseconds for each of the engine and Girder: neither is far away, and a person waits. */
const answerMs = 10_000;

/** Exit code when something failed. */
export const doctorFailed = 1;

/** A finding more if nobody named a cluster or an engine, and there is none: then nothing can run. Pure. */
export function missingPlace(findings: readonly Finding[]): Finding[] {
  const places = findings.filter(({ subject }) => subject === 'cluster' || subject === 'engine');
  if (places.some(({ state }) => state !== 'skipped')) return [];
  const message = 'there is neither a cluster nor a Docker Engine that can run anything';
  const fix = 'set KUBECONFIG for a cluster, or start Docker for dockerrun run';
  return [{ subject: 'runs', state: 'failed', message, fix }];
}

/**
 * `dockerrun doctor`: whether the cluster, this machine and Girder can run DockerRuns, a line for each answer, with what
 * to do about those that are not ok. Returns 0 unless something failed.
 * @throws UsageError if --env-file, a proxy variable or SSL_CERT_FILE cannot be used
 */
export async function doctorCommand(given: Given, terminal: Terminal): Promise<number> {
  const { stdout, stop } = terminal;
  const environment = await withEnvFile(terminal.environment, given.text('env-file'));
  await useLocalEgress(environment);
  const parts = [checkCluster(stop), checkEngine(environment, stop), checkGirder(environment, stop)];
  const findings: Finding[] = [];
  const report = (finding: Finding) => {
    findings.push(finding);
    stdout.write(lineOf(finding));
  };
  for (const part of parts) for (const finding of [await part].flat()) report(finding);
  for (const finding of missingPlace(findings)) report(finding);
  return findings.some(({ state }) => state === 'failed') ? doctorFailed : exitCodes.done;
}

/** Reasons that another key cures; all others are of the address, or of the way to it. */
const keyReasons: readonly FailureReason[] = ['GirderUnauthorized', 'GirderForbidden'];

function girderFix(error: unknown): string {
  return error instanceof RunError && keyReasons.includes(error.reason)
    ? 'create an API key in "My account" with the scopes for data (docs/first-steps.md)'
    : 'check GIRDER_API_URL, which ends with /api/v1, and open it from this machine: curl "$GIRDER_API_URL/system/version"';
}

const forLocalRuns =
  'for dockerrun run, start Docker or set DOCKER_HOST (docs/local-runs.md); a cluster needs no engine here';

const subjectWidth = 11;

function lineOf({ subject, state, message, fix }: Finding): string {
  const line = `${subject.padEnd(subjectWidth)}${state.padEnd(9)}${message}\n`;
  return fix === undefined ? line : `${line}${' '.repeat(subjectWidth + 9)}→ ${fix}\n`;
}

/** For `dockerrun run`; a cluster needs no engine here, so that one that nobody named may be absent. */
async function checkEngine(environment: NodeJS.ProcessEnv, stop: AbortSignal): Promise<Finding> {
  const subject = 'engine';
  let source: string | undefined;
  try {
    const found = await findEngine(environment);
    const { address, text } = found;
    ({ source } = found);
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
    const message = onThisMachine(describe(error));
    if (source === defaultSource && error instanceof RunError && errorCode(error.cause) === 'ENOENT')
      return { subject, state: 'skipped', message, fix: forLocalRuns };
    const fix =
      error instanceof RunError ? localRemedy(error) : 'docs/local-runs.md says what dockerrun run needs';
    return { subject, state: 'failed', message, fix };
  }
}

async function checkGirder(environment: NodeJS.ProcessEnv, stop: AbortSignal): Promise<Finding> {
  const subject = 'Girder';
  const [apiUrl, apiKey, token] = ['GIRDER_API_URL', 'GIRDER_API_KEY', 'GIRDER_TOKEN'].map((name) =>
    textOf(environment[name]),
  );
  if (apiUrl === undefined || (apiKey ?? token) === undefined) {
    const message =
      apiUrl === undefined ? 'GIRDER_API_URL is not set' : 'neither GIRDER_API_KEY nor GIRDER_TOKEN is set';
    return {
      subject,
      state: 'skipped',
      message,
      fix: 'set GIRDER_API_URL and GIRDER_API_KEY or GIRDER_TOKEN to have it checked',
    };
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
    return { subject, state: 'failed', message: ofVariables(describe(error)), fix: girderFix(error) };
  }
}
