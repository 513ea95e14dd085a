import { parseArgs } from 'node:util';
import { maxForEachItems } from '../api/for-each.ts';
import { revision, version } from '../support/version.ts';

export type RunCommand = {
  readonly command: 'run';
  /** A path, or `-` for standard input. */
  readonly file: string;
  readonly name: string | undefined;
  readonly quiet: boolean;
  /** A file with values for environment variables that are not set (`NAME=value` lines). */
  readonly envFile: string | undefined;
  readonly data: LocalData;
  /** How many inputs of a DockerRunSet run at most; undefined without --limit. */
  readonly limit: number | undefined;
};

/** Paths of this machine that take the place of data in Girder, by the names of transforms. */
export type LocalData = {
  readonly inputs: ReadonlyMap<string, string>;
  readonly outputs: ReadonlyMap<string, string>;
};

/** `plan` and `convert`, with the options as they are written. */
export type ManifestCommand = {
  readonly command: 'plan' | 'convert';
  readonly file: string;
  readonly name: string | undefined;
  readonly output: string | undefined;
  readonly sets: readonly string[];
  readonly girderApiUrl: string | undefined;
  readonly girderSecret: string | undefined;
};

export type ValidateCommand = { readonly command: 'validate'; readonly files: readonly string[] };

type Command =
  RunCommand | ValidateCommand | ManifestCommand | { readonly command: 'doctor' | 'help' | 'version' };

const options = {
  name: { type: 'string', short: 'n' },
  quiet: { type: 'boolean', short: 'q', default: false },
  'env-file': { type: 'string' },
  input: { type: 'string', short: 'i', multiple: true, default: [] as string[] },
  output: { type: 'string', short: 'o', multiple: true, default: [] as string[] },
  limit: { type: 'string', short: 'l' },
  set: { type: 'string', multiple: true, default: [] as string[] },
  'girder-api-url': { type: 'string' },
  'girder-secret': { type: 'string' },
  help: { type: 'boolean', short: 'h', default: false },
  version: { type: 'boolean', default: false },
} as const;

/** @throws UsageError with one sentence about the first mistake */
export function parseCommand(args: readonly string[]): Command {
  const { values, positionals } = parsed(args);
  if (values.help) return { command: 'help' };
  if (values.version) return { command: 'version' };
  const [command, ...files] = positionals;
  if (command === undefined || command === 'help') return { command: 'help' };
  return commandNamed(command, files, values);
}

function commandNamed(command: string, files: readonly string[], values: Values): Command {
  if (command === 'doctor') return { command, ...nothing(files, values) };
  if (command === 'plan' || command === 'convert') return manifestCommand(command, files, values);
  if (command !== 'run' && command !== 'validate')
    throw new UsageError(`unknown command "${command}"; see dockerrun --help`);
  const [file, ...more] = files;
  if (file === undefined)
    throw new UsageError(`${command} needs a FILE, or - for standard input; see dockerrun --help`);
  if (command === 'validate') return { command, files: withoutOptions(command, files, values) };
  return runCommandOf(file, more, values);
}

function runCommandOf(file: string, more: readonly string[], values: Values): RunCommand {
  if (more.length > 0) throw new UsageError(`run takes one FILE, but "${more[0]}" is a second one`);
  const data = { inputs: pathsOf('--input', values.input), outputs: pathsOf('--output', values.output) };
  const limit = limitOf(values.limit);
  const { name, quiet } = values;
  return { command: 'run', file, name, quiet, envFile: values['env-file'], data, limit };
}

type Values = ReturnType<typeof parsed>['values'];

const optionsOf = {
  plan: ['output'],
  convert: ['name', 'set', 'girder-api-url', 'girder-secret'],
} as const;

function manifestCommand(
  command: ManifestCommand['command'],
  files: readonly string[],
  values: Values,
): ManifestCommand {
  const own: readonly string[] = optionsOf[command];
  const others = Object.entries(values).filter(([name]) => !own.includes(name));
  const [file, second] = withoutOptions(command, files, Object.fromEntries(others) as Values);
  if (file === undefined || second !== undefined)
    throw new UsageError(`${command} needs one FILE, or - for standard input; see dockerrun --help`);
  const { name, set: sets } = values;
  const girder = { girderApiUrl: values['girder-api-url'], girderSecret: values['girder-secret'] };
  return { command, file, name, output: values.output.at(-1), sets, ...girder };
}

function nothing(files: readonly string[], values: Values): Record<never, never> {
  const [file] = withoutOptions('doctor', files, values);
  if (file !== undefined)
    throw new UsageError(`doctor takes no FILE, but got "${file}"; see dockerrun --help`);
  return {};
}

/** The options are those of `run`. */
function withoutOptions(command: string, files: readonly string[], values: Values): readonly string[] {
  const given = Object.entries(values).find(([, value]) =>
    Array.isArray(value) ? value.length > 0 : value !== undefined && value !== false,
  );
  if (given !== undefined)
    throw new UsageError(`${command} does not take --${given[0]}; see dockerrun --help`);
  return files;
}

function limitOf(value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  const limit = Number(value);
  if (/^[0-9]+$/.test(value) && limit >= 1 && limit <= maxForEachItems) return limit;
  throw new UsageError(`--limit ${value}: it must be a number from 1 to ${maxForEachItems}`);
}

function pathsOf(option: string, values: readonly string[]): ReadonlyMap<string, string> {
  const paths = new Map<string, string>();
  for (const value of values) {
    const [, name, path] = /^([^=]+)=(.+)$/s.exec(value) ?? [];
    if (name === undefined || path === undefined)
      throw new UsageError(`${option} ${value}: write it as NAME=PATH, with the name of a transform`);
    if (paths.has(name)) throw new UsageError(`${option} ${name} is given twice`);
    paths.set(name, path);
  }
  return paths;
}

function parsed(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true });
  } catch (error) {
    // Node's first sentence names the mistake; the others explain how to pass it as a positional argument.
    const [sentence = ''] = (error instanceof Error ? error.message : String(error)).split('. ');
    throw new UsageError(`${sentence}; see dockerrun --help`);
  }
}

export const versionText = `dockerrun ${version} (${revision})\n`;

export const helpText = `Usage: dockerrun run FILE [--input NAME=PATH]... [--output NAME=PATH]... [options]
       dockerrun run FILE [--limit N] [options]
       dockerrun validate FILE...
       dockerrun plan FILE [-o text|json|yaml]
       dockerrun convert FILE [--set EXPRESSION=VALUE]... [options]
       dockerrun doctor

run: runs a DockerRun on the Docker Engine of this machine, without a cluster. FILE is YAML or JSON; - reads standard
input. The run uses the Secrets in FILE. Documents of other kinds are ignored. Of a DockerRunSet in FILE, it runs the
first inputs that have to run.

validate: checks every DockerRun and DockerRunSet of the files as kubectl apply would, without a cluster. It does not
know the cluster's DockerRunPolicy.

plan: says what the runs of FILE would mount, download, stream, run and upload. It asks neither a cluster nor Girder.

convert: prints the manifests of all calls of docker_run in FILE, a program of Python, which is never run. What is not
carried over is a line of standard error. --set gives the value of an expression that only Python has; --name, the name
of the run; --girder-api-url (or GIRDER_API_URL) and --girder-secret, the Girder of the run.

doctor: says whether the cluster of the kubeconfig, the engine of this machine and the Girder of GIRDER_API_URL can be
used, and what to do where they cannot.

Options of run:
  -i, --input NAME=PATH   use a file or directory of this machine for the transform NAME, not data of Girder
  -o, --output NAME=PATH  copy the result of the transform NAME to PATH, and do not upload it to Girder
  -l, --limit N           run at most N inputs of a DockerRunSet (3 without this option, at most 100)
  -n, --name NAME         run the DockerRun or DockerRunSet with this name, if FILE contains several
  -q, --quiet             print errors only
      --env-file FILE     read lines NAME=value for the variables below that are not set
  -h, --help              print this help
      --version           print the version

Where --input and --output take the place of all data in Girder, no Girder is needed, and no ids in FILE.

The target's output goes to standard output and standard error. Lines of dockerrun itself go to standard error and
start with "dockerrun: ". Ctrl-C stops the target and removes everything; a second Ctrl-C kills the target.

Exit code:
  0              the run succeeded, or the files are valid
  the target's   the target ended by itself with another code, or ran out of memory
  1              doctor found something that does not work, or a converted manifest lacks a value
  64 to 72       the run failed for another reason, even if the target was stopped for it: 64 invalid run, 65 download,
                 66 Docker Engine, 67 upload or stream, 68 internal error, 69 target, 70 deadline, 71 and 72 cancelled
  74             some inputs of a DockerRunSet failed; the others have their results
  129, 130, 143  SIGHUP, Ctrl-C or SIGTERM stopped the run

Environment:
  GIRDER_API_URL                   the Girder that doctor checks, with the credentials below
  GIRDER_API_KEY, GIRDER_TOKEN     credentials for Girder, if FILE has no Secret for spec.girder.credentialsSecretRef
  DOCKERRUN_SECRET_<SECRET>_<KEY>  a key of any other Secret that FILE does not contain: the key API_KEY of the Secret
                                   my-secret is DOCKERRUN_SECRET_MY_SECRET_API_KEY
  DOCKERRUN_GIRDER_REDIRECTS       origins, such as http://minio.example.internal:9000, to which Girder may redirect
                                   although they are not encrypted, or are addresses of this machine
  DOCKER_HOST, DOCKER_CONTEXT      the Docker Engine, as for the docker command; it must be on this machine
  TMPDIR                           the directory for temporary volumes; the Docker Engine must see it
`;

/** The user's mistake: it is printed without a stack, and the exit code is 64. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}
