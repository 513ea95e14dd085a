import { containerName, labels } from '../api/names.ts';
import {
  type BindMount,
  type ContainerOptions,
  cpuSharesOf,
  type NamedVolume,
} from '../docker/create/container-spec.ts';
import type { PullPolicy } from '../docker/pull/ensure-image.ts';
import type { ContainerOutcome } from '../docker/run-container.ts';
import type { DockerRunSpec } from '../api/spec.ts';
import type { TargetStatus } from '../api/status.ts';
import { RunError } from '../support/errors.ts';
import { currentSpan, traceparent, traceparentVariable } from '../support/trace/trace.ts';
import { parseDockerSize, parseQuantity } from '../api/quantity.ts';
import type { NamedValue } from '../api/fields.ts';
import { defined } from '../api/json-values.ts';
import type { RunContext } from './context.ts';
import { type RunEnvironment, valueOf } from './run-environment.ts';
import { expandTexts } from './plan.ts';
import type { SecretTexts } from './secret-texts.ts';

/** The options of the target's container, with every `$(name)` expanded and every Secret read. */
export async function targetOptions(
  { environment, engine, volumes }: RunContext,
  prepared: {
    readonly mounts: readonly BindMount[];
    readonly downloaded: ReadonlyMap<string, string>;
    readonly imageId: string;
    readonly imageAsksForGpus: boolean;
    readonly secretTexts?: SecretTexts;
  },
): Promise<ContainerOptions> {
  const { spec, attempt, item } = environment;
  const { uid, namespace, name } = environment.run;
  const named = new Map([...(item?.values ?? []), ...(prepared.secretTexts ?? [])]);
  const { env, ...texts } = expandTexts(spec, volumes, prepared.downloaded, named);
  return {
    name: containerName(uid, attempt, item?.index),
    labels: {
      [labels.runUid]: uid,
      [labels.attempt]: attempt,
      [labels.run]: `${namespace}/${name}`,
      ...(item === undefined ? {} : { [labels.item]: item.id }),
    },
    image: spec.image,
    imageId: prepared.imageId,
    ...texts,
    env: await tracedEnvironment(environment, env),
    mounts: prepared.mounts,
    namedVolumes: namedVolumesOf(environment),
    cgroupParent: await environment.cgroupParent(engine),
    ...limits(spec, await environment.memoryForTarget()),
    docker: spec.docker,
    gpus: await environment.gpus(prepared.imageAsksForGpus),
    keep: !spec.removeContainer,
  };
}

function namedVolumesOf({ spec, run }: Pick<RunEnvironment, 'spec' | 'run'>): NamedVolume[] {
  return (spec.volumes ?? []).flatMap(({ name: volume, namedVolume }) => {
    if (namedVolume === undefined) return [];
    const { volumeName: name, containerPath: target, readOnly, create } = namedVolume;
    const createdWith = create ? { [labels.run]: `${run.namespace}/${run.name}` } : undefined;
    return [{ name, target, readOnly, createdWith, field: `spec.volumes: ${volume}.namedVolume` }];
  });
}

/** Adds the current span as TRACEPARENT, for a target that traces itself, unless spec.env sets it. */
async function tracedEnvironment(environment: RunEnvironment, given: Variables): Promise<string[]> {
  const [env, span] = [await variables(environment, given), currentSpan()];
  const isGiven = env.some((entry) => entry.startsWith(`${traceparentVariable}=`));
  return span === undefined || isGiven ? env : [...env, `${traceparentVariable}=${traceparent(span)}`];
}

type Variables = DockerRunSpec['env'];

async function variables(environment: RunEnvironment, env: Variables = []): Promise<string[]> {
  const entry = async ({ name, ...given }: NamedValue, index: number) => {
    const field = `spec.env[${index}]`;
    const { text, where, reason } = await valueOf(environment, given, field);
    if (!text.includes('\0')) return `${name}=${text}`;
    // The engine would also refuse it, but would quote the value in its message.
    const problem = `${field}: ${where} has a NUL byte, which no environment variable can hold; encode it, for example with base64`;
    throw new RunError(reason, problem);
  };
  return Promise.all(env.map(entry));
}

function limits(spec: DockerRunSpec, ofPod: number | undefined): Partial<ContainerOptions> {
  const { resources } = spec;
  const cpu = resources?.limits?.['cpu'];
  const cpuRequest = resources?.requests?.['cpu'] ?? cpu;
  return defined({
    memoryBytes: memoryLimit(spec, ofPod),
    nanoCpus: cpu === undefined ? undefined : Math.round(parseQuantity(cpu) * 1e9),
    cpuShares:
      cpuRequest === undefined ? undefined : cpuSharesOf(Math.round(parseQuantity(cpuRequest) * 1000)),
  });
}

/** The kernel rounds limits down to pages. */
const pageBytes = 4096;

/** The limit of the spec, or `docker.memLimit` without one there; less if the pod leaves less. */
function memoryLimit({ resources, docker }: DockerRunSpec, ofPod = Infinity): number | undefined {
  const asked = resources?.limits?.['memory'];
  const memLimit = docker?.memLimit === undefined ? undefined : parseDockerSize(docker.memLimit);
  const ofSpec = asked === undefined ? memLimit : Math.floor(parseQuantity(asked));
  const isLess = ofSpec !== undefined && ofSpec > 0 && ofSpec <= ofPod + pageBytes;
  if (isLess) return ofSpec;
  return ofPod === Infinity ? ofSpec : ofPod;
}

/** `reason` has the values that a pod's status shows for a container. */
export function targetStatus(outcome: ContainerOutcome): TargetStatus {
  const { containerID, exitCode, oomKilled, startedAt, finishedAt } = outcome;
  return { containerID, exitCode, oomKilled, reason: targetReason(outcome), startedAt, finishedAt };
}

function targetReason({ stopped, oomKilled, exitCode }: ContainerOutcome): string {
  if (stopped === 'deadline') return 'DeadlineExceeded';
  if (stopped === 'cancelled') return 'Cancelled';
  if (oomKilled && exitCode !== 0) return 'OOMKilled';
  return exitCode === 0 ? 'Completed' : 'Error';
}

/** Why the run has failed; undefined if the target succeeded. `ofPod` is the memory that the pod leaves, in bytes. */
export function targetFailure(
  outcome: ContainerOutcome,
  spec: DockerRunSpec,
  ofPod?: number,
): RunError | undefined {
  switch (targetReason(outcome)) {
    case 'Completed':
      return undefined;
    case 'DeadlineExceeded':
      return new RunError(
        'ActiveDeadlineExceeded',
        `the target ran longer than ${spec.activeDeadlineSeconds} s and was stopped`,
      );
    case 'Cancelled':
      return new RunError('Cancelled', 'the run was stopped while the target ran');
    case 'OOMKilled': {
      const limit = spec.resources?.limits?.['memory'];
      const leaves = ofPod === undefined ? 'or its node has' : `leaves it (${Math.floor(ofPod / 2 ** 20)}Mi)`;
      const what = limit === undefined ? `its pod ${leaves}` : `its limit (${limit})`;
      return new RunError('OOMKilled', `the target used more memory than ${what} and was killed`);
    }
    default:
      return new RunError(
        'TargetFailed',
        `the target ended with exit code ${outcome.exitCode}${killHint(outcome)}${initHint(outcome, spec)}${sentTo(spec)}`,
      );
  }
}

/** On a busy node the engine may see an OOM kill too late to report it, so exit code 137 gets a hint. */
function killHint({ exitCode }: ContainerOutcome): string {
  return exitCode === 137 ? ': it was killed by SIGKILL, usually because memory ran out' : '';
}

/** Where the output is that the log of the pod does not have. */
function sentTo({ transforms = [] }: DockerRunSpec): string {
  const sent = transforms.flatMap(({ name, connect }) => {
    const { containerStdOut: stdout, containerStdErr: stderr } = connect?.input ?? {};
    if (connect?.output.chunkedTransferEncodingStream === undefined) return [];
    if (stdout === undefined && stderr === undefined) return [];
    return [`its ${stdout === undefined ? 'stderr' : 'stdout'} went to the server of transform ${name}`];
  });
  return sent.map((where) => `; ${where}`).join('');
}

/** What entrypoints write that refuse to be anything but process 1, such as those of s6-overlay and systemd. */
const wantsToBeFirst =
  /s6-overlay-suexec: fatal|\b(?:can only|must) (?:be|run)(?: as)? (?:pid|process) ?1\b/i;

/** Unlike Girder Worker's containers, a target has an init process by default. */
function initHint({ exitCode, stderrHead = '' }: ContainerOutcome, { docker }: DockerRunSpec): string {
  if (exitCode === 0 || docker?.init === false || !wantsToBeFirst.test(stderrHead)) return '';
  return ': its entrypoint must be process 1; set docker.init: false';
}

/**
 * As Kubernetes defaults it
 * (https://kubernetes.io/docs/concepts/containers/images/#imagepullpolicy-defaulting).
 */
export function pullPolicy({
  imagePullPolicy,
  image,
}: Pick<DockerRunSpec, 'imagePullPolicy' | 'image'>): PullPolicy {
  if (imagePullPolicy !== undefined) return imagePullPolicy;
  if (image.includes('@')) return 'IfNotPresent';
  const tag = /:([^/:]+)$/.exec(image)?.[1] ?? 'latest';
  return tag === 'latest' ? 'Always' : 'IfNotPresent';
}
