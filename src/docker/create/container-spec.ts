import { defaultOomScoreAdj, defaultPidsLimit } from '../../api/docker/option-risks.ts';
import type { DockerOptions } from '../../api/docker/options.ts';
import { normalizedCapabilities } from '../../api/docker/risk-kinds.ts';
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
  /** If the engine sees something else there, the run fails before its start. */
  readonly probe?: MountProbe | undefined;
  /** Whether file systems that are mounted below `source` are mounted as well; they stay writable. */
  readonly isRecursive?: boolean;
  /** Whether the engine relabels the source for SELinux, for all containers (z) or for this one (Z). */
  readonly relabel?: 'z' | 'Z' | undefined;
  /** The field or operator setting that `source` comes from, for the message of that failure. */
  readonly configuredBy?: string | undefined;
};

/** A volume of the engine, of the driver local and without options. */
export type NamedVolume = {
  readonly name: string;
  readonly target: string;
  readonly readOnly: boolean;
  /** The labels of a volume that is created if it does not exist; without them that is an error. */
  readonly createdWith?: Readonly<Record<string, string>> | undefined;
  /** The field of the spec, for messages. */
  readonly field: string;
};

/** A file that exists in the source, or a path of this process that is the source itself. */
export type MountProbe = { readonly file: string } | { readonly sameAs: string };

/** What a run asks of its container; all references such as `$(name)` are already replaced. */
export type ContainerOptions = {
  /** Unique per attempt, so that the engine itself refuses to start an attempt twice. */
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  /** As the user names it. */
  readonly image: string;
  /**
   * The engine creates the container from this, if it is known: the name may lead to another image by now than
   * the one that was pulled and allowed.
   */
  readonly imageId?: string | undefined;
  /** Replaces the image's entrypoint, as in Kubernetes. */
  readonly command?: readonly string[] | undefined;
  readonly args?: readonly string[] | undefined;
  /** `NAME=value` each. */
  readonly env: readonly string[];
  readonly mounts: readonly BindMount[];
  readonly namedVolumes?: readonly NamedVolume[];
  /** The cgroup of the pod, so that the pod's limits and its end apply to the target as well. */
  readonly cgroupParent?: string | undefined;
  readonly memoryBytes?: number | undefined;
  readonly nanoCpus?: number | undefined;
  readonly cpuShares?: number | undefined;
  /** docker-py's keyword arguments, allowed by the policy; the three limits above take precedence. */
  readonly docker?: DockerOptions | undefined;
  readonly gpus?: GpuRequest | undefined;
  /** The container stays after its end, stopped; a container that never started is always removed. */
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
    readonly Binds?: readonly string[];
    readonly CgroupParent?: string;
    readonly OomScoreAdj: number;
  };

type MountBody = {
  readonly Type: 'bind' | 'volume';
  readonly Source: string;
  readonly Target: string;
  readonly ReadOnly: boolean;
  readonly BindOptions?: { readonly NonRecursive: true };
  readonly VolumeOptions?: { readonly NoCopy: true };
};

/** The worker supervises the container and keeps its output, so the engine neither restarts it nor logs. */
const supervised = { RestartPolicy: { Name: 'no' }, LogConfig: { Type: 'none' } } as const;

const cpuPeriodMicroseconds = 100_000;
const smallestQuotaMicroseconds = 1_000;

/** Builds the create request; `hasInit` means that the engine can run an init process before the target. */
export function containerSpec(options: ContainerOptions, engine: { readonly hasInit: boolean }): CreateBody {
  const { docker = {} } = options;
  return {
    ...configOf(docker),
    Image: options.imageId ?? options.image,
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
      Mounts: [
        ...options.mounts.filter((mount) => mount.relabel === undefined).map(mountBody),
        ...(options.namedVolumes ?? []).map(volumeBody),
      ],
      ...defined({ Binds: nonEmpty(options.mounts.flatMap(bindText)) }),
      ...defined({ CgroupParent: options.cgroupParent }),
      ...memoryLimit(options.memoryBytes, docker),
      ...cpuLimit(options.nanoCpus, docker),
      OomScoreAdj: docker.oomScoreAdj ?? defaultOomScoreAdj,
      ...defined({ CpuShares: options.cpuShares ?? docker.cpuShares }),
    },
  };
}

/** The cgroup weight of a CPU request in millicores, by the kubelet's formula (2 to 262144). */
export function cpuSharesOf(milliCpus: number): number {
  return Math.min(262_144, Math.max(2, Math.floor((milliCpus * 1024) / 1000)));
}

/** Without `memswapLimit`, swap counts towards the limit; the engine would allow as much again on top. */
function memoryLimit(bytes: number | undefined, { memLimit, memswapLimit }: DockerOptions): BodyPart {
  const memory = bytes ?? (memLimit === undefined ? undefined : parseDockerSize(memLimit));
  const swap = memswapLimit === undefined ? memory : parseDockerSize(memswapLimit);
  return defined({ Memory: memory, MemorySwap: swap });
}

/** A quota: the engine refuses NanoCpus above the CPUs of the node, and Kubernetes allows such a limit. */
function cpuLimit(limit: number | undefined, { nanoCpus, cpuPeriod, cpuQuota }: DockerOptions): BodyPart {
  if (limit === undefined) {
    return defined({ NanoCpus: nanoCpus, CpuPeriod: cpuPeriod, CpuQuota: cpuQuota });
  }
  const quota = Math.round((limit / 1e9) * cpuPeriodMicroseconds);
  return { CpuPeriod: cpuPeriodMicroseconds, CpuQuota: Math.max(smallestQuotaMicroseconds, quota) };
}

/** Only this older form of a mount can relabel. It has the file systems below the source, which a subPath has not. */
function bindText({ source, target, readOnly, relabel }: BindMount): string[] {
  return relabel === undefined ? [] : [`${source}:${target}:${readOnly ? 'ro' : 'rw'},${relabel}`];
}

function mountBody(mount: BindMount): MountBody {
  const { type: Type, source: Source, target: Target, readOnly: ReadOnly, isRecursive } = mount;
  const only = isRecursive === false ? { BindOptions: { NonRecursive: true } as const } : {};
  return { Type, Source, Target, ReadOnly, ...only };
}

/** Into an empty volume, the engine copies what the image has at that path, even for a read-only mount. */
function volumeBody({ name: Source, target: Target, readOnly: ReadOnly }: NamedVolume): MountBody {
  const mount = { Type: 'volume', Source, Target, ReadOnly } as const;
  return ReadOnly ? { ...mount, VolumeOptions: { NoCopy: true } } : mount;
}

/** For Kubernetes an empty list means "as in the image"; the engine would take it as an override. */
function nonEmpty(list: readonly string[] | undefined): readonly string[] | undefined {
  return list === undefined || list.length === 0 ? undefined : list;
}

type Privileges = {
  readonly Privileged?: true;
  readonly SecurityOpt: readonly string[];
  readonly CapDrop: readonly string[];
  readonly CapAdd: readonly string[];
  readonly PidsLimit: number;
};

/** What an image needs to set up its own files and users as root; none of them leads out of the container. */
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

/** The fewest privileges that targets usually need, with what the run's options add or remove. */
export function privilegesOf(options: DockerOptions): Privileges {
  const PidsLimit = options.pidsLimit ?? defaultPidsLimit;
  const securityOpt = options.securityOpt ?? [];
  if (options.privileged === true) {
    return { Privileged: true, SecurityOpt: securityOpt, CapDrop: [], CapAdd: [], PidsLimit };
  }
  const isSetByUser = securityOpt.some((option) => option.startsWith('no-new-privileges'));
  const SecurityOpt = isSetByUser ? securityOpt : ['no-new-privileges', ...securityOpt];
  return { SecurityOpt, ...capabilitiesOf(options), PidsLimit };
}

function capabilitiesOf({
  capAdd = [],
  capDrop = [],
}: DockerOptions): Pick<Privileges, 'CapDrop' | 'CapAdd'> {
  const added = normalizedCapabilities(capAdd);
  const dropped = normalizedCapabilities(capDrop);
  if (added.includes('ALL')) return { CapDrop: dropped, CapAdd: ['ALL'] };
  const kept = dropped.includes('ALL') ? [] : keptCapabilities.filter((name) => !dropped.includes(name));
  return { CapDrop: ['ALL'], CapAdd: [...new Set([...kept, ...added])] };
}
