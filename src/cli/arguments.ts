import { parseArgs } from 'node:util';
import { UsageError } from './usage-error.ts';

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
export type Command = RunCommand | { readonly command: 'help' | 'version' };

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
