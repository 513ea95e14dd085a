/** A host path that the target sees at `target`; a missing `source` is an error, never a new directory. */
export type BindMount = {
  readonly type: 'bind';
  readonly source: string;
  readonly target: string;
  readonly readOnly: boolean;
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
};

/** The body of the engine's "create container" request. */
export type CreateBody = {
  readonly Image: string;
  readonly Labels: Readonly<Record<string, string>>;
  readonly Env: readonly string[];
  readonly Entrypoint?: readonly string[];
  readonly Cmd?: readonly string[];
  readonly Tty: false;
  readonly OpenStdin: false;
  readonly HostConfig: HostConfig;
};

type HostConfig = typeof secureDefaults & {
  readonly Init: boolean;
  readonly Mounts: readonly MountBody[];
  readonly CgroupParent?: string;
  readonly Memory?: number;
  readonly MemorySwap?: number;
  readonly CpuPeriod?: number;
  readonly CpuQuota?: number;
  readonly CpuShares?: number;
};

type MountBody = {
  readonly Type: 'bind';
  readonly Source: string;
  readonly Target: string;
  readonly ReadOnly: boolean;
};

/** What holds for every target, whatever its run asks for. */
const secureDefaults = {
  AutoRemove: true,
  RestartPolicy: { Name: 'no' },
  LogConfig: { Type: 'none' },
  SecurityOpt: ['no-new-privileges'],
  CapDrop: ['ALL'],
  CapAdd: ['CHOWN', 'DAC_OVERRIDE', 'FOWNER', 'FSETID', 'KILL', 'SETGID', 'SETUID', 'NET_BIND_SERVICE'],
  PidsLimit: 4096,
} as const;

const cpuPeriodMicroseconds = 100_000;
const smallestQuotaMicroseconds = 1_000;

/** Builds the create request; `hasInit` says whether the engine can put its init process in front of the target. */
export function containerSpec(options: ContainerOptions, engine: { readonly hasInit: boolean }): CreateBody {
  return {
    Image: options.image,
    Labels: options.labels,
    Env: options.env,
    ...given('Entrypoint', nonEmpty(options.command)),
    ...given('Cmd', nonEmpty(options.args)),
    Tty: false,
    OpenStdin: false,
    HostConfig: {
      ...secureDefaults,
      Init: engine.hasInit,
      Mounts: options.mounts.map(mountBody),
      ...given('CgroupParent', options.cgroupParent),
      ...memoryLimit(options.memoryBytes),
      ...cpuLimit(options.nanoCpus),
      ...given('CpuShares', options.cpuShares),
    },
  };
}

/** The cgroup weight of a CPU request in millicores, by the kubelet's formula (2 to 262144). */
export function cpuSharesOf(milliCpus: number): number {
  return Math.min(262_144, Math.max(2, Math.floor((milliCpus * 1024) / 1000)));
}

/** Swap counts into the limit: without it the engine allows as much swap again. */
function memoryLimit(bytes: number | undefined): { Memory?: number; MemorySwap?: number } {
  return bytes === undefined ? {} : { Memory: bytes, MemorySwap: bytes };
}

/** As a quota, because the engine refuses NanoCpus above the node's CPUs and Kubernetes allows such a limit. */
function cpuLimit(nanoCpus: number | undefined): { CpuPeriod?: number; CpuQuota?: number } {
  if (nanoCpus === undefined) return {};
  const quota = Math.round((nanoCpus / 1e9) * cpuPeriodMicroseconds);
  return { CpuPeriod: cpuPeriodMicroseconds, CpuQuota: Math.max(smallestQuotaMicroseconds, quota) };
}

function mountBody(mount: BindMount): MountBody {
  return { Type: mount.type, Source: mount.source, Target: mount.target, ReadOnly: mount.readOnly };
}

/** An empty list means "as in the image" to Kubernetes, but would be sent as an override. */
function nonEmpty(list: readonly string[] | undefined): readonly string[] | undefined {
  return list === undefined || list.length === 0 ? undefined : list;
}

function given<K extends string, V>(key: K, value: V | undefined): Partial<Record<K, V>> {
  return value === undefined ? {} : ({ [key]: value } as Record<K, V>);
}
