import { parseArgs } from 'node:util';
import { revision, version } from '../support/version.ts';

/** `dockerrun run`, as it was typed. */
export type RunCommand = {
  readonly command: 'run';
  /** A path, or `-` for standard input. */
  readonly file: string;
  readonly name: string | undefined;
  readonly quiet: boolean;
  /** A file with values for environment variables that are not set. */
  readonly envFile: string | undefined;
};

/** What the command line asks for. */
type Command = RunCommand | { readonly command: 'help' | 'version' };

const options = {
  name: { type: 'string', short: 'n' },
  quiet: { type: 'boolean', short: 'q', default: false },
  'env-file': { type: 'string' },
  help: { type: 'boolean', short: 'h', default: false },
  version: { type: 'boolean', default: false },
} as const;

/** Reads the command line. @throws UsageError */
export function parseCommand(args: readonly string[]): Command {
  const { values, positionals } = parsed(args);
  if (values.help) return { command: 'help' };
  if (values.version) return { command: 'version' };
  const [command, file, ...more] = positionals;
  if (command === undefined || command === 'help') return { command: 'help' };
  if (command !== 'run') throw new UsageError(`there is no command "${command}"; see dockerrun --help`);
  if (file === undefined)
    throw new UsageError('run needs the FILE with the DockerRun, or - for standard input');
  if (more.length > 0) throw new UsageError(`run takes one FILE, and "${more[0]}" is a second one`);
  return { command, file, name: values.name, quiet: values.quiet, envFile: values['env-file'] };
}

function parsed(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true });
  } catch (error) {
    // Node's first sentence says what is wrong; the others explain how to write what nobody wants here.
    const [sentence = ''] = (error instanceof Error ? error.message : String(error)).split('. ');
    throw new UsageError(`${sentence}; see dockerrun --help`);
  }
}

/** What `dockerrun --version` prints. */
export const versionText = `dockerrun ${version} (${revision})\n`;

/** What `dockerrun --help` prints. */
export const helpText = `Usage: dockerrun run FILE [--name NAME] [--quiet] [--env-file FILE]

Runs a DockerRun on the Docker Engine of this machine, without a cluster. FILE is YAML or JSON, - is standard
input; Secrets in it give their values to the run, and documents of other kinds are ignored.

  -n, --name NAME      run the DockerRun of this name, where FILE holds several
  -q, --quiet          say nothing but why the run failed
      --env-file FILE  lines NAME=value for those of the variables below that are not set
  -h, --help           print this help
      --version        print the version

The target's output goes to standard output and standard error; lines of dockerrun itself go to standard error and
begin with "dockerrun: ". The exit code is the target's when it ended by itself or ran out of memory. When the run
failed for another reason, it is that of the reason, even if the target was stopped for it: 64 (the run is wrong),
65 (download), 66 (engine), 67 (upload, stream), 68 (internal), 69 (target), 70 (deadline), 71 and 72 (cancelled);
after SIGHUP, Ctrl-C or SIGTERM it is 129, 130 or 143. Ctrl-C stops the target and removes everything; a second Ctrl-C
kills the target.

Environment:
  GIRDER_API_KEY, GIRDER_TOKEN      for Girder, where FILE does not hold the Secret of spec.girder.credentialsSecretRef
  DOCKERRUN_SECRET_<SECRET>_<KEY>   the value of a key of any other Secret: API_KEY of "my-secret" is
                                    DOCKERRUN_SECRET_MY_SECRET_API_KEY
  DOCKER_HOST, DOCKER_CONTEXT       the Docker Engine, as docker itself reads them
  TMPDIR                            where temporary volumes are made; the Docker Engine must see this directory
`;

export class UsageError extends Error {
  override readonly name = 'UsageError';
}
