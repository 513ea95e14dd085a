import { usualPidsLimit } from '../../api/docker/option-risks.ts';
import type { DockerOptions } from '../../api/docker/options.ts';
import { normalCapabilities } from '../../api/docker/risk-kinds.ts';
import { defined } from '../../api/json-values.ts';
import { parseDockerSize } from '../../api/quantity.ts';
import { gpuDevices, type GpuRequest } from './gpu-request.ts';
import { type BodyPart, configOf, hostConfigOf } from './option-body.ts';

/** A host path that the target sees at `target`; a missing `source` is an error, never a new directory. */
export type BindMount = {
  readonly type: 'bind';
  readonly source: string;
  readonly target: string;
  readonly readOnly: boolean;
  /** A file that is in it for sure: the start is refused when the engine sees another directory there. */
  readonly probe?: { readonly file: string } | undefined;
  /** The field or operator setting that `source` comes from, for the message of that refusal. */
  readonly configuredBy?: string | undefined;
};

/** What of a run decides its container; every word is resolved already. */
export type ContainerOptions = {
  /** Unique per attempt: the engine itself then refuses to start an attempt twice. */
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly image: string;
  /** Replaces the image's entrypoint, as in Kubernetes. */
  readonly command?: readonly string[] | undefined;
  readonly args?: readonly string[] | undefined;
  /** `NAME=value` each. */
  readonly env: readonly string[];
  readonly mounts: readonly BindMount[];
  /** The pod's own cgroup, so that its limits and its end are the target's. */
  readonly cgroupParent?: string | undefined;
  readonly memoryBytes?: number | undefined;
  readonly nanoCpus?: number | undefined;
  readonly cpuShares?: number | undefined;
  /** docker-py's keyword arguments, which the policy has allowed; those about resources give way to the three above. */
  readonly docker?: DockerOptions | undefined;
  readonly gpus?: GpuRequest | undefined;
  /** The container stays, stopped, after its end; one that never started does not. */
  readonly keep?: boolean | undefined;
};

/** The body of the engine's "create container" request. */
type CreateBody = BodyPart & {
  readonly Image: string;
  readonly Labels: Readonly<Record<string, string>>;
  readonly Env: readonly string[];
  readonly Entrypoint?: readonly string[];
  readonly Cmd?: readonly string[];
  readonly Tty: false;
  readonly OpenStdin: false;
  readonly HostConfig: HostConfig;
};

type HostConfig = BodyPart &
  Privileges & {
    readonly RestartPolicy: { readonly Name: 'no' };
    readonly LogConfig: { readonly Type: string };
    readonly AutoRemove: boolean;
    readonly Init: boolean;
    readonly Mounts: readonly MountBody[];
    readonly CgroupParent?: string;
  };

type MountBody = {
  readonly Type: 'bind';
  readonly Source: string;
  readonly Target: string;
  readonly ReadOnly: boolean;
};

/** What the worker does itself: starting again, and keeping the output. */
const supervised = { RestartPolicy: { Name: 'no' }, LogConfig: { Type: 'none' } } as const;

const cpuPeriodMicroseconds = 100_000;
const smallestQuotaMicroseconds = 1_000;

/** Builds the create request; `hasInit` says whether the engine can put its init process in front of the target. */
export function containerSpec(options: ContainerOptions, engine: { readonly hasInit: boolean }): CreateBody {
  const { docker = {} } = options;
  return {
    ...configOf(docker),
    Image: options.image,
    Labels: { ...docker.labels, ...options.labels },
    Env: options.env,
    ...defined({ Entrypoint: nonEmpty(options.command), Cmd: nonEmpty(options.args) }),
    Tty: false,
    OpenStdin: false,
    HostConfig: {
      ...supervised,
      ...gpuDevices(options.gpus),
      ...hostConfigOf(docker),
      ...privilegesOf(docker),
      AutoRemove: options.keep !== true,
      Init: docker.init ?? engine.hasInit,
      Mounts: options.mounts.map(mountBody),
      ...defined({ CgroupParent: options.cgroupParent }),
      ...memoryLimit(options.memoryBytes, docker),
      ...cpuLimit(options.nanoCpus, docker),
      ...defined({ CpuShares: options.cpuShares ?? docker.cpuShares }),
    },
  };
}

/** The cgroup weight of a CPU request in millicores, by the kubelet's formula (2 to 262144). */
export function cpuSharesOf(milliCpus: number): number {
  return Math.min(262_144, Math.max(2, Math.floor((milliCpus * 1024) / 1000)));
}

/** Swap counts into the limit unless said otherwise: without that the engine allows as much swap again. */
function memoryLimit(bytes: number | undefined, { memLimit, memswapLimit }: DockerOptions): BodyPart {
  const memory = bytes ?? (memLimit === undefined ? undefined : parseDockerSize(memLimit));
  const swap = memswapLimit === undefined ? memory : parseDockerSize(memswapLimit);
  return defined({ Memory: memory, MemorySwap: swap });
}

/** As a quota, because the engine refuses NanoCpus above the node's CPUs and Kubernetes allows such a limit. */
function cpuLimit(limit: number | undefined, { nanoCpus, cpuPeriod, cpuQuota }: DockerOptions): BodyPart {
  if (limit === undefined) {
    return defined({ NanoCpus: nanoCpus, CpuPeriod: cpuPeriod, CpuQuota: cpuQuota });
  }
  const quota = Math.round((limit / 1e9) * cpuPeriodMicroseconds);
  return { CpuPeriod: cpuPeriodMicroseconds, CpuQuota: Math.max(smallestQuotaMicroseconds, quota) };
}

function mountBody(mount: BindMount): MountBody {
  return { Type: mount.type, Source: mount.source, Target: mount.target, ReadOnly: mount.readOnly };
}

/** An empty list means "as in the image" to Kubernetes, but would be sent as an override. */
function nonEmpty(list: readonly string[] | undefined): readonly string[] | undefined {
  return list === undefined || list.length === 0 ? undefined : list;
}

/** The rights of a container, in the engine's words. */
type Privileges = {
  readonly Privileged?: true;
  readonly SecurityOpt: readonly string[];
  readonly CapDrop: readonly string[];
  readonly CapAdd: readonly string[];
  readonly PidsLimit: number;
};

/** What an image that sets up its own files and users as root needs, and nothing that leads out of the container. */
const keptCapabilities: readonly string[] = [
  'CHOWN',
  'DAC_OVERRIDE',
  'FOWNER',
  'FSETID',
  'KILL',
  'SETGID',
  'SETUID',
  'NET_BIND_SERVICE',
];

/** The least rights that targets usually need, and what the run's options add to them or take away. */
export function privilegesOf(options: DockerOptions): Privileges {
  const PidsLimit = options.pidsLimit ?? usualPidsLimit;
  const securityOpt = options.securityOpt ?? [];
  if (options.privileged === true) {
    return { Privileged: true, SecurityOpt: securityOpt, CapDrop: [], CapAdd: [], PidsLimit };
  }
  const isDecided = securityOpt.some((option) => option.startsWith('no-new-privileges'));
  const SecurityOpt = isDecided ? securityOpt : ['no-new-privileges', ...securityOpt];
  return { SecurityOpt, ...capabilitiesOf(options), PidsLimit };
}

function capabilitiesOf({
  capAdd = [],
  capDrop = [],
}: DockerOptions): Pick<Privileges, 'CapDrop' | 'CapAdd'> {
  const added = normalCapabilities(capAdd);
  const dropped = normalCapabilities(capDrop);
  if (added.includes('ALL')) return { CapDrop: dropped, CapAdd: ['ALL'] };
  const kept = dropped.includes('ALL') ? [] : keptCapabilities.filter((name) => !dropped.includes(name));
  return { CapDrop: ['ALL'], CapAdd: [...new Set([...kept, ...added])] };
}
