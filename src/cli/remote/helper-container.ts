import { posix } from 'node:path';
import { labels } from '../../api/names.ts';
import type { DockerRunSpec } from '../../api/spec.ts';
import { mountModeOf } from '../../api/volumes.ts';
import { helperCommandName } from '../arguments.ts';
import { defaultSocket } from '../local/engine-address.ts';

/** Where the helper has its volume, which only the engine's machine has as a directory. */
export const helperRoot = '/dockerrun';
/** Paths in that volume. */
export const helperPaths = {
  program: 'program',
  inputs: 'inputs',
  outputs: 'outputs',
  runs: 'runs',
} as const;

export const inHelper = (...parts: readonly string[]) => posix.join(helperRoot, ...parts);

const boundRoot = '/dockerrun-bound';

/** Where the helper sees the directory of the engine's machine that a volume of the spec names. */
export function boundAt(volume: string): string {
  return posix.join(boundRoot, volume);
}

type Bind = { readonly source: string; readonly target: string; readonly readOnly: boolean };

/** The directories of the engine's machine in which the helper checks, prepares and reads files. Pure. */
export function bindsOf({ volumes = [] }: Pick<DockerRunSpec, 'volumes'>): Bind[] {
  return volumes.flatMap(({ name, bindMount, temporary }): Bind[] => {
    const source = bindMount?.hostPath ?? temporary?.hostDir;
    if (source === undefined) return [];
    return [
      {
        source,
        target: boundAt(name),
        readOnly: bindMount !== undefined && mountModeOf(bindMount.mode).readOnly,
      },
    ];
  });
}

export type HelperPlan = {
  readonly name: string;
  readonly image: string;
  /** The engine's socket on its own machine. */
  readonly engineSocket: string;
  /** `<namespace>/<name>` of the run. */
  readonly run: string;
  readonly spec: Pick<DockerRunSpec, 'volumes'>;
};

/** The places of Node in the operator's image, and in Docker's own images of Node. */
const path = '/app:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/**
 * What the engine makes the helper of. Anyone with access to the engine can read this, so no secret is in it: those go
 * through standard input. Pure.
 */
export function helperBody({ name, image, engineSocket, run, spec }: HelperPlan) {
  const bind = ({ source, target, readOnly }: Bind) => ({
    Type: 'bind' as const,
    Source: source,
    Target: target,
    ReadOnly: readOnly,
  });
  const socket = { source: engineSocket, target: defaultSocket, readOnly: false };
  return {
    Image: image,
    Entrypoint: ['node', inHelper(helperPaths.program, 'dockerrun.mjs'), helperCommandName, name],
    Cmd: [],
    Env: [`PATH=${path}`, `TMPDIR=${inHelper(helperPaths.runs)}`],
    WorkingDir: '/',
    // The socket and the files of targets belong to root.
    User: '0:0',
    Labels: { [labels.run]: run },
    StopSignal: 'SIGTERM',
    Tty: false,
    OpenStdin: true,
    // When the command is gone, the helper's standard input ends, and with it the run.
    StdinOnce: true,
    AttachStdin: true,
    AttachStdout: true,
    AttachStderr: true,
    HostConfig: {
      // As a command on the engine's machine would reach Girder.
      NetworkMode: 'host',
      UsernsMode: 'host',
      SecurityOpt: ['label=disable', 'no-new-privileges'],
      // The output of the target would be on the engine's disk otherwise.
      LogConfig: { Type: 'none', Config: {} },
      RestartPolicy: { Name: 'no' },
      // Without a source it is an anonymous volume, which is removed with the container.
      Mounts: [{ Type: 'volume' as const, Target: helperRoot }, ...[socket, ...bindsOf(spec)].map(bind)],
    },
  };
}
