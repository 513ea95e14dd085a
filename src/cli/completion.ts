import { Given, ownCodes } from './arguments.ts';
import { commandIndex } from './command-line.ts';
import type { CommandSpec, Completed, OptionSpec } from './command-spec.ts';
import type { Terminal } from './terminal.ts';

/** What can stand at the end of a line: the candidates, or what the shell or the cluster knows. */
export type Completion = {
  /** What the user has typed of it. */
  readonly typed: string;
  readonly candidates: readonly (readonly [text: string, about: string])[];
  readonly asks: Exclude<Completed, readonly string[] | 'commands'> | undefined;
  /** The options so far, for the questions to the cluster. */
  readonly given: Given;
};

/** Prints the candidates for the last of the words, each with its sentence after a tab. Never fails. */
export async function printCompletions(
  words: readonly string[],
  table: readonly CommandSpec[],
  { stdout, stop }: Terminal,
): Promise<number> {
  const { typed, candidates, asks, given } = completionOf(words, table);
  if (asks === 'files') {
    stdout.write(':files\n');
    return ownCodes.done;
  }
  const names = asks === undefined ? [] : await namesOf(asks, { given, typed, stop });
  for (const [text, about] of [...candidates, ...names.map((name) => [name, ''] as const)])
    if (text.startsWith(typed)) stdout.write(about === '' ? `${text}\n` : `${text}\t${about}\n`);
  return ownCodes.done;
}

type Question = { readonly given: Given; readonly typed: string; readonly stop: AbortSignal };

async function namesOf(
  asks: NonNullable<Completion['asks']>,
  question: Question,
): Promise<readonly string[]> {
  const { completedNames } = await import('./cluster/completed-names.ts');
  return completedNames(asks, question).catch(() => []);
}

/** The last word is the one to complete, '' after a space. */
export function completionOf(words: readonly string[], table: readonly CommandSpec[]): Completion {
  const typed = words.at(-1) ?? '';
  const before = words.slice(0, -1);
  const at = commandIndex(before, table);
  const command = table.find(({ name }) => name === before[at]);
  const { given, waiting } = readSoFar(command, [...before.slice(0, at), ...before.slice(at + 1)]);
  const common = { typed, given };
  if (waiting !== undefined) return { ...common, ...valuesOf(waiting.completes) };
  if (command === undefined) {
    const isNamed = before[at] !== undefined && before[at] !== 'help';
    const names = table.map(({ name, summary }) => [name, summary] as const);
    return { ...common, candidates: isNamed ? [] : names, asks: undefined };
  }
  if (typed.startsWith('-')) {
    const options = [...command.options, { name: 'help', about: 'print the help of the command' }];
    const candidates = options.map(({ name, about }) => [`--${name}`, about] as const);
    return { ...common, candidates, asks: undefined };
  }
  const { args } = command;
  const argument = args[given.args.length] ?? (args.at(-1)?.isMany === true ? args.at(-1) : undefined);
  return { ...common, ...valuesOf(argument?.completes) };
}

function valuesOf(completes: Completed | undefined): Pick<Completion, 'candidates' | 'asks'> {
  if (completes === undefined || completes === 'commands') return { candidates: [], asks: undefined };
  if (typeof completes === 'string') return { candidates: [], asks: completes };
  return { candidates: completes.map((text) => [text, ''] as const), asks: undefined };
}

/** An unfinished line is read leniently; `waiting` is the option whose value comes next. */
function readSoFar(
  command: CommandSpec | undefined,
  words: readonly string[],
): { readonly given: Given; readonly waiting: OptionSpec | undefined } {
  const args: string[] = [];
  const values = new Map<string, string[]>();
  let waiting: OptionSpec | undefined;
  for (const word of words) {
    if (waiting !== undefined) {
      values.set(waiting.name, [...(values.get(waiting.name) ?? []), word]);
      waiting = undefined;
      continue;
    }
    const [name, value] = word.split(/=(.*)/s);
    const option = command?.options.find((one) => name === `--${one.name}` || name === `-${one.short}`);
    if (!word.startsWith('-')) args.push(word);
    else if (option?.value !== undefined && value === undefined) waiting = option;
    else if (option !== undefined && value !== undefined) values.set(option.name, [value]);
  }
  return { given: new Given(args, values), waiting };
}
