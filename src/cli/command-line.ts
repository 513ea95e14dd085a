import { parseArgs } from 'node:util';
import { CommandLineError, Given } from './arguments.ts';
import type { ArgumentSpec, CommandSpec, OptionSpec } from './command-spec.ts';

/** What the arguments of the program ask for; help without a command is that of the program. */
export type CommandLine =
  | { readonly kind: 'help'; readonly command?: CommandSpec }
  | { readonly kind: 'version' }
  | { readonly kind: 'command'; readonly command: CommandSpec; readonly given: Given };

/** The hidden command with which the scripts for shells ask for completions. */
export const completeCommand = '__complete';

/** @throws CommandLineError with one sentence about the first mistake and where to look */
export function parseCommandLine(args: readonly string[], table: readonly CommandSpec[]): CommandLine {
  const at = commandIndex(args, table);
  const name = args[at];
  if (name === undefined) return withoutCommand(args, table);
  if (name === 'help') return helpFor(args[at + 1], table);
  const command = commandNamed(name, table);
  const rest = [...args.slice(0, at), ...args.slice(at + 1)];
  if (asksForHelp(rest)) return { kind: 'help', command };
  const given = givenTo(command, rest, table);
  return { kind: 'command', command, given };
}

function helpFor(name: string | undefined, table: readonly CommandSpec[]): CommandLine {
  return name === undefined ? { kind: 'help' } : { kind: 'help', command: commandNamed(name, table) };
}

function withoutCommand(args: readonly string[], table: readonly CommandSpec[]): CommandLine {
  if (args.includes('--version')) return { kind: 'version' };
  if (args.length === 0 || asksForHelp(args)) return { kind: 'help' };
  const [first = ''] = args;
  const known = optionsOf(table).some((option) => isSpelled(option, first));
  if (known) throw new CommandLineError(`${first} needs a command before or after it; see dockerrun --help`);
  throw new CommandLineError(`unknown option ${first}; see dockerrun --help`);
}

function asksForHelp(args: readonly string[]): boolean {
  const end = args.indexOf('--');
  return args.slice(0, end === -1 ? undefined : end).some((arg) => arg === '--help' || arg === '-h');
}

/** The index of the command: the first argument that is neither an option nor the value of one. */
export function commandIndex(args: readonly string[], table: readonly CommandSpec[]): number {
  const options = optionsOf(table);
  let at = 0;
  for (let arg = args[at]; arg !== undefined && arg.startsWith('-') && arg !== '-'; arg = args[at]) {
    const name = arg;
    const hasValue = options.some(
      (option) => option.value !== undefined && isSpelled(option, name) && isWhole(option, name),
    );
    at += hasValue ? 2 : 1;
  }
  return at;
}

function optionsOf(table: readonly CommandSpec[]): OptionSpec[] {
  return table.flatMap(({ options }) => options);
}

const isSpelled = ({ name, short }: OptionSpec, arg: string) =>
  arg === `--${name}` || arg.startsWith(`--${name}=`) || (short !== undefined && arg.startsWith(`-${short}`));

/** Whether the value is in the next argument. */
const isWhole = ({ name, short }: OptionSpec, arg: string) => arg === `--${name}` || arg === `-${short}`;

/** @throws CommandLineError with the nearest command */
function commandNamed(name: string, table: readonly CommandSpec[]): CommandSpec {
  const found = table.find((command) => command.name === name);
  if (found !== undefined) return found;
  const near = nearest(
    name,
    table.map((command) => command.name),
  );
  const hint = near === undefined ? 'see dockerrun --help' : `did you mean ${near}? See dockerrun --help`;
  throw new CommandLineError(`unknown command "${name}"; ${hint}`);
}

function givenTo(command: CommandSpec, args: readonly string[], table: readonly CommandSpec[]): Given {
  const options = Object.fromEntries(
    command.options.map(({ name, short, value }) => [
      name,
      {
        type: value === undefined ? ('boolean' as const) : ('string' as const),
        multiple: true,
        ...(short === undefined ? {} : { short }),
      },
    ]),
  );
  try {
    const { values, positionals } = parseArgs({ args: [...args], options, allowPositionals: true });
    checkArguments(command, positionals);
    const lists = Object.entries(values).map(([name, value]): [string, (string | true)[]] => [
      name,
      [value].flat().filter((one) => typeof one === 'string' || one === true),
    ]);
    return new Given(positionals, new Map(lists));
  } catch (error) {
    if (error instanceof CommandLineError) throw error;
    throw new CommandLineError(`${mistakeOf(error, command, table)}; see dockerrun ${command.name} --help`);
  }
}

/** Node's first sentence names the mistake; the others explain how to pass it as a positional argument. */
function mistakeOf(error: unknown, command: CommandSpec, table: readonly CommandSpec[]): string {
  const [sentence = ''] = (error instanceof Error ? error.message : String(error)).split(/\. |\n/);
  const [, unknown] = /^Unknown option '(--?[^']+)'$/.exec(sentence) ?? [];
  if (unknown === undefined) return sentence;
  if (optionsOf(table).some((option) => isSpelled(option, unknown)))
    return `${command.name} does not take ${unknown}`;
  const near = nearest(
    unknown,
    command.options.map(({ name }) => `--${name}`),
  );
  return `unknown option ${unknown}${near === undefined ? '' : ` (did you mean ${near}?)`}`;
}

function checkArguments({ name, args }: CommandSpec, given: readonly string[]): void {
  const see = `see dockerrun ${name} --help`;
  const missing = args.filter(({ isOptional }) => isOptional !== true)[given.length];
  if (missing !== undefined) {
    const isFile = missing.name === 'FILE' ? ', or - for standard input' : '';
    throw new CommandLineError(`${name} needs ${article(missing)} ${missing.name}${isFile}; ${see}`);
  }
  const extra = args.at(-1)?.isMany === true ? undefined : given[args.length];
  if (extra === undefined) return;
  const takes = args.length === 0 ? 'no argument' : args.map((one) => one.name).join(' and ');
  throw new CommandLineError(`${name} takes ${takes}, but "${extra}" is one too many; ${see}`);
}

const article = ({ name }: ArgumentSpec) => (/^[AEIO]/.test(name) ? 'an' : 'a');

/** Letters that may differ from the nearest name. */
const farthest = 2;

/** The candidate that most likely was meant; undefined when none is near. */
export function nearest(text: string, candidates: readonly string[]): string | undefined {
  const longer = candidates.filter((one) => text.length > 2 && one.startsWith(text));
  if (longer.length === 1) return longer[0];
  const [best] = candidates
    .map((one) => ({ one, far: distance(text, one) }))
    .filter(({ one, far }) => far <= Math.min(farthest, Math.floor(one.length / 2)))
    .toSorted((a, b) => a.far - b.far);
  return best?.one;
}

/** How many letters have to be added, removed or replaced (Levenshtein), of the first 40 letters of each. */
function distance(a: string, b: string): number {
  const [from, to] = [a.slice(0, 40), b.slice(0, 40)];
  let row = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (let i = 1; i <= from.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= to.length; j += 1) {
      const replaced = (row[j - 1] ?? 0) + (from[i - 1] === to[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}
