import { version } from '../src/support/version.ts';
import { gitRevision, sourceDate } from './git-state.ts';
import type { Architecture } from './node-binary.ts';

/** What an image is built with. */
export type ImageOptions = {
  readonly name: string;
  readonly architecture: Architecture;
  /** The Dockerfile's default when empty. */
  readonly base?: string | undefined;
  /** Where the source can be had, for the label of that name. */
  readonly source?: string | undefined;
};

/** The arguments of `docker build`, but for the context. */
export function imageArguments({ name, architecture, base, source }: ImageOptions): string[] {
  const buildArguments = {
    TARGETARCH: architecture,
    VERSION: version,
    REVISION: gitRevision(),
    CREATED: new Date(sourceDate() * 1000).toISOString(),
    ...(base ? { BASE: base } : {}),
  };
  return [
    '--tag',
    name,
    ...Object.entries(buildArguments).flatMap(([key, value]) => ['--build-arg', `${key}=${value}`]),
    ...(source ? ['--label', `org.opencontainers.image.source=${source}`] : []),
  ];
}
