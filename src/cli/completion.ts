import { Given, ownCodes } from './arguments.ts';
import { commandIndex } from './command-line.ts';
import type { CommandSpec, Completed, OptionSpec } from './command-spec.ts';
import type { Terminal } from './terminal.ts';

/** What can stand at the end of a line: the candidates, or what the shell or the cluster knows. */
export type Completion = {
  /** What the user has typed of it. */
  readonly typed: string;
  /** What stands before it in the same word, such as `--output=`. */
  readonly before: string;
  readonly candidates: readonly (readonly [text: string, about: string])[];
  readonly asks: Exclude<Completed, readonly string[] | 'commands'> | undefined;
  /** The options so far, for the questions to the cluster. */
  readonly given: Given;
};

/** How the candidates are printed: as the scripts for shells read them, or as kubectl does. */
export type CompletionForm = 'shell' | 'kubectl';

/** Cobra's directives, which kubectl reads after the candidates (https://pkg.go.dev/github.com/spf13/cobra). */
const directives = { files: ':0', noFiles: ':4' } as const;

/** Prints the candidates for the last of the words, each with its sentence after a tab. Never fails. */
export async function printCompletions(
  words: readonly string[],
  table: readonly CommandSpec[],
  { stdout, stop }: Pick<Terminal, 'stdout' | 'stop'>,
  form: CompletionForm = 'shell',
): Promise<number> {
  const { typed, before, candidates, asks, given } = completionOf(words, table);
  const names = asks === undefined || asks === 'files' ? [] : await namesOf(asks, { given, typed, stop });
  const lines = [...candidates, ...names.map((name) => [name, ''] as const)]
    .filter(([text]) => text.startsWith(typed))
    .map(([text, about]) => (about === '' ? `${before}${text}` : `${before}${text}\t${about}`));
  const end = {
    shell: asks === 'files' ? [':files'] : [],
    kubectl: [asks === 'files' ? directives.files : directives.noFiles],
  }[form];
  for (const line of [...lines, ...end]) stdout.write(`${line}\n`);
  return ownCodes.done;
}

type Question = { readonly given: Given; readonly typed: string; readonly stop: AbortSignal };

async function namesOf(
  asks: Exclude<NonNullable<Completion['asks']>, 'files'>,
  question: Question,
): Promise<readonly string[]> {
  if (asks === 'phases') return phasesOf(question.given);
  const { completedNames } = await import('./cluster/completed-names.ts');
  return completedNames(asks, question).catch(() => []);
}

async function phasesOf({ args }: Given): Promise<readonly string[]> {
  if (args[0] !== 'sets') return (await import('../api/status.ts')).phases;
  return (await import('../api/set/set-status.ts')).setPhases;
}

/** The last word is the one to complete, '' after a space. */
export function completionOf(allWords: readonly string[], table: readonly CommandSpec[]): Completion {
  const words = joined(allWords);
  const typed = words.at(-1) ?? '';
  const earlier = words.slice(0, -1);
  const at = commandIndex(earlier, table);
  const command = table.find(({ name }) => name === earlier[at]);
  const { given, waiting } = readSoFar(command, [...earlier.slice(0, at), ...earlier.slice(at + 1)]);
  const common = { typed, before: '', given };
  if (waiting !== undefined) return { ...common, ...valuesOf(waiting.completes) };
  if (command === undefined) {
    const isNamed = earlier[at] !== undefined && earlier[at] !== 'help';
    const names = table.map(({ name, summary }) => [name, summary] as const);
    return { ...common, candidates: isNamed ? [] : names, asks: undefined };
  }
  // Bash replaces only what follows the =.
  if (typed.startsWith('-')) return { ...common, ...ofOption(command, typed, !allWords.includes('=')) };
  const { args } = command;
  const argument = args[given.args.length] ?? (args.at(-1)?.isMany === true ? args.at(-1) : undefined);
  return { ...common, ...valuesOf(argument?.completes) };
}

/** The name of an option, or its value in the same word. */
function ofOption(command: CommandSpec, word: string, isWhole: boolean) {
  const [before, name, typed] = /^(--([^=]+)=)(.*)$/s.exec(word)?.slice(1) ?? [];
  if (before !== undefined && typed !== undefined) {
    const option = command.options.find((one) => one.name === name);
    return { before: isWhole ? before : '', typed, ...valuesOf(option?.completes) };
  }
  const options = [...command.options, { name: 'help', about: 'print the help of the command' }];
  return {
    candidates: options.map(({ name: option, about }) => [`--${option}`, about] as const),
    asks: undefined,
  };
}

/** Bash has = as a word of its own. */
function joined(words: readonly string[]): readonly string[] {
  const whole: string[] = [];
  for (const [at, word] of words.entries()) {
    const belongs = word === '=' || words[at - 1] === '=';
    whole.push(belongs ? `${whole.pop() ?? ''}${word}` : word);
  }
  return whole;
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
