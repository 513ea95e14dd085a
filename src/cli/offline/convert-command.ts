import { stringify } from 'yaml';
import { exitCodes } from '../../api/run-plan.ts';
import { convert } from '../../convert/conversion.ts';
import { CommandLineError } from '../arguments.ts';
import type { Terminal } from '../terminal.ts';
import { nameOfInput, readInput } from './manifest.ts';

export type ConvertOptions = {
  readonly file: string;
  readonly name: string | undefined;
  readonly girderApiUrl: string | undefined;
  readonly girderSecret: string;
  readonly given: ReadonlyMap<string, string>;
};

/** The options as they are written; `sets` are NAME=VALUE. */
type GivenOptions = {
  readonly file: string;
  readonly name: string | undefined;
  readonly sets: readonly string[];
  readonly girderApiUrl: string | undefined;
  readonly girderSecret: string | undefined;
};

/** https://kubernetes.io/docs/concepts/overview/working-with-objects/names/#dns-label-names */
const label = /^[a-z0-9]([-a-z0-9]{0,58}[a-z0-9])?$/;

/** @throws CommandLineError */
export function convertOptions(given: GivenOptions, environment: NodeJS.ProcessEnv): ConvertOptions {
  const { file, name, girderSecret = 'girder' } = given;
  for (const [option, text] of [
    ['--name', name],
    ['--girder-secret', girderSecret],
  ] as const)
    if (text !== undefined && !label.test(text))
      throw new CommandLineError(`${option} ${text}: it must consist of lower case letters, digits and '-'`);
  const girderApiUrl = given.girderApiUrl ?? environment['GIRDER_API_URL'];
  return { file, name, girderApiUrl, girderSecret, given: new Map(given.sets.map(valueOf)) };
}

/** The expression may have `=` in quotes and brackets: its value begins after the first one outside of them. */
function valueOf(text: string): [expression: string, value: string] {
  let [depth, quote] = [0, ''];
  for (const [at, character] of [...text].entries()) {
    if (quote !== '') quote = character === quote ? '' : quote;
    else if (character === "'" || character === '"') quote = character;
    else if ('([{'.includes(character)) depth += 1;
    else if (')]}'.includes(character)) depth -= 1;
    else if (character === '=' && depth === 0 && at > 0) return splitAt(text, at);
  }
  throw new CommandLineError(
    `--set ${text}: write it as EXPRESSION=VALUE, with the expression as in the file`,
  );
}

/** `at` counts characters, as Unicode has them. */
function splitAt(text: string, at: number): [before: string, after: string] {
  const characters = [...text];
  return [characters.slice(0, at).join(''), characters.slice(at + 1).join('')];
}

/** kubectl reads YAML 1.1, in which more texts need quotes: `on`, `0644`, `12:30`. */
const yamlForm = { version: '1.1', lineWidth: 0, aliasDuplicateObjects: false } as const;

/** A manifest has values that have to be replaced. */
const incomplete = 1;

/**
 * `dockerrun convert`: prints the manifests of all calls of docker_run in a program of Python. What is different or
 * missing is a line of standard error. Returns 0, 1 where a value is missing, or 64 if a call has no manifest.
 */
export async function convertCommand(options: ConvertOptions, terminal: Terminal): Promise<number> {
  const { stdin, stdout, stderr, stop } = terminal;
  const where = nameOfInput(options.file);
  const program = await readInput(options.file, stdin, stop);
  const { runs, notes, problems, isIncomplete } = convert(program, options);
  stdout.write(runs.map((run) => stringify(run, yamlForm)).join('---\n'));
  for (const { line, text } of [...notes, ...problems])
    stderr.write(`dockerrun: ${where}:${line}: ${text}\n`);
  if (problems.length > 0) return exitCodes.spec;
  if (runs.length === 0) {
    stderr.write(`dockerrun: ${where}: contains no call of docker_run\n`);
    return exitCodes.spec;
  }
  return isIncomplete ? incomplete : exitCodes.done;
}
