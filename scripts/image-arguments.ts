import { version } from '../src/support/version.ts';
import { gitRevision, sourceDate } from './git-state.ts';
import type { Architecture } from './node-binary.ts';

export type ImageOptions = {
  readonly name: string;
  readonly architecture: Architecture;
  /** Defaults to that of the Dockerfile. */
  readonly base?: string | undefined;
  /** The URL of the source, for the label org.opencontainers.image.source. */
  readonly source?: string | undefined;
};

/** The arguments of `docker build` without the context. */
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
