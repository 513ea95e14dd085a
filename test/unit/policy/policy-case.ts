import type { mountModeOf } from '../../../src/api/volumes.ts';
import type { FailureReason } from '../../../src/api/reasons.ts';

/** A spec without its image, and the reason of its refusal if it is refused. */
export type PolicyCase = {
  readonly what: string;
  readonly spec: Readonly<Record<string, unknown>>;
  readonly refused?: FailureReason;
};

/** Cases for a policy in YAML, in a namespace whose name ends with `suffix`. */
export type PolicyCases = {
  readonly policy: string;
  readonly suffix?: string;
  readonly cases: readonly PolicyCase[];
};

export const id = '0123456789abcdef01234567';
export const girder = {
  apiUrl: 'https://data.example.org/api/v1',
  credentialsSecretRef: { name: 'girder' },
};
export const digest = `@sha256:${'a'.repeat(64)}`;

type MountMode = Parameters<typeof mountModeOf>[0];

export const bind = (hostPath: string, mode: MountMode = 'rw') => ({
  volumes: [{ name: 'd', bindMount: { hostPath, containerPath: '/d', mode } }],
});
export const temporary = (hostDir?: string) => ({
  volumes: [{ name: 'd', temporary: hostDir === undefined ? {} : { hostDir } }],
});
export const dockerVolume = (path: string, mode: MountMode) => ({
  dockerVolumes: { [path]: { bind: '/d', mode } },
});
export const reading = (transform: object) => ({
  ...bind('/srv/read/x', 'ro'),
  girder,
  transforms: [{ name: 'x', ...transform }],
});
export const uploading = (volumePath: string, deleteFile: boolean) => ({
  ...bind('/srv/read/x', 'ro'),
  girder,
  transforms: [{ name: 'out', volumePath: { filename: 'out', volume: 'd' } }],
  girderResultHooks: [{ girderUploadVolumePathToItem: { volumePath, itemId: id, deleteFile } }],
});
export const stream = (url: string) => ({
  transforms: [
    {
      name: 'out',
      connect: { input: { containerStdOut: {} }, output: { chunkedTransferEncodingStream: { url } } },
    },
  ],
});

export const fine = (what: string, spec: PolicyCase['spec']): PolicyCase => ({ what, spec });
const refusedFor = (refused: FailureReason) => (what: string, spec: PolicyCase['spec']) => ({
  what,
  spec,
  refused,
});
export const noPath = refusedFor('HostPathNotAllowed');
export const noImage = refusedFor('ImageNotAllowed');
export const noOption = refusedFor('DockerOptionNotAllowed');
export const noGirder = refusedFor('GirderAddressNotAllowed');
export const noStream = refusedFor('StreamAddressNotAllowed');
export const image = (name: string) => ({ image: name });
export const docker = (options: object) => ({ docker: options });
