/** Exit codes of the command line itself; those of runs are in src/api/run-plan.ts, which loads the schema. */
export const ownCodes = { done: 0, failed: 1, usage: 2, invalid: 64 } as const;

/** The hidden command of the helper container of `dockerrun run`; its argument is the name of that container. */
export const helperCommandName = '__beside';

/** The user's mistake: it is printed without a stack. */
export class UsageError extends Error {
  override readonly name: string = 'UsageError';
  readonly exitCode: number = ownCodes.invalid;
}

/** A mistake in the arguments, and not in a file. */
export class CommandLineError extends UsageError {
  override readonly name = 'CommandLineError';
  override readonly exitCode = ownCodes.usage;
}

/** The options and arguments of one command, as `CommandSpec` declares them. */
export class Given {
  /** The arguments, without the name of the command. */
  readonly args: readonly string[];
  readonly #values: ReadonlyMap<string, readonly (string | true)[]>;

  constructor(args: readonly string[], values: ReadonlyMap<string, readonly (string | true)[]>) {
    this.args = args;
    this.#values = values;
  }

  has(option: string): boolean {
    return this.#values.has(option);
  }

  /** The last value of an option. */
  text(option: string): string | undefined {
    return this.texts(option).at(-1);
  }

  texts(option: string): readonly string[] {
    return (this.#values.get(option) ?? []).filter((value) => value !== true);
  }
}

export type RunCommand = {
  /** A path, or `-` for standard input. */
  readonly file: string;
  readonly name: string | undefined;
  readonly quiet: boolean;
  /** A file with values for environment variables that are not set (`NAME=value` lines). */
  readonly envFile: string | undefined;
  readonly data: LocalData;
  /** How many inputs of a DockerRunSet run at most; undefined without --limit. */
  readonly limit: number | undefined;
  /** Whether the engine shares no files with this process although its address does not say so. */
  readonly remote: boolean;
  /** The image with Node for the helper container. */
  readonly workerImage: string | undefined;
  /** The socket of a remote engine on its own machine. */
  readonly engineSocket: string | undefined;
};

/** Paths of this machine that take the place of data in Girder, by the names of transforms. */
export type LocalData = {
  readonly inputs: ReadonlyMap<string, string>;
  readonly outputs: ReadonlyMap<string, string>;
};

/** @throws CommandLineError */
export function runCommandOf(given: Given, maxLimit: number): RunCommand {
  const [file = ''] = given.args;
  const data = { inputs: pathsOf('--input', given), outputs: pathsOf('--output', given) };
  const limit = numberOf(given, 'limit', { least: 1, most: maxLimit });
  const [name, quiet, envFile] = [given.text('name'), given.has('quiet'), given.text('env-file')];
  const [workerImage, engineSocket] = [given.text('worker-image'), given.text('engine-socket')];
  if (engineSocket !== undefined && !engineSocket.startsWith('/'))
    throw new CommandLineError(`--engine-socket ${engineSocket}: it must be an absolute path`);
  const remote = given.has('remote');
  return { file, name, quiet, envFile, data, limit, remote, workerImage, engineSocket };
}

/** A whole number that an option has as its value; undefined without the option. @throws CommandLineError */
export function numberOf(
  given: Given,
  option: string,
  { least, most }: { readonly least: number; readonly most: number },
): number | undefined {
  const value = given.text(option);
  if (value === undefined) return undefined;
  const number = Number(value);
  if (/^[0-9]+$/.test(value) && number >= least && number <= most) return number;
  throw new CommandLineError(`--${option} ${value}: it must be a number from ${least} to ${most}`);
}

function pathsOf(option: '--input' | '--output', given: Given): ReadonlyMap<string, string> {
  const paths = new Map<string, string>();
  for (const value of given.texts(option.slice(2))) {
    const [, name, path] = /^([^=]+)=(.+)$/s.exec(value) ?? [];
    if (name === undefined || path === undefined)
      throw new CommandLineError(`${option} ${value}: write it as NAME=PATH, with the name of a transform`);
    if (paths.has(name)) throw new CommandLineError(`${option} ${name} is given twice`);
    paths.set(name, path);
  }
  return paths;
}

const unitSeconds: Readonly<Record<string, number>> = { '': 1, s: 1, m: 60, h: 3_600 };

/** In seconds; a timer cannot wait for longer (24 days). */
const longestDuration = 2_000_000;

/** Seconds of a duration such as 90, 30s, 10m or 2h; undefined without the option. @throws CommandLineError */
export function secondsOf(given: Given, option: string): number | undefined {
  const value = given.text(option);
  if (value === undefined) return undefined;
  const [, digits, unit = ''] = /^([0-9]{1,7})([smh]?)$/.exec(value) ?? [];
  const seconds = Number(digits) * (unitSeconds[unit] ?? 1);
  if (seconds <= longestDuration) return seconds;
  throw new CommandLineError(
    `--${option} ${value}: write a duration such as 90s, 10m or 2h, of at most ${longestDuration} s`,
  );
}
