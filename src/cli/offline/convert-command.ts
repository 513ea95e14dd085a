import { stringify } from 'yaml';
import { exitCodes } from '../../api/run-plan.ts';
import { convert } from '../../convert/conversion.ts';
import type { Terminal } from '../terminal.ts';
import { nameOfInput, readInput } from './manifest.ts';

export type ConvertOptions = {
  readonly file: string;
  readonly name: string | undefined;
  readonly girderApiUrl: string | undefined;
  readonly girderSecret: string;
  readonly given: ReadonlyMap<string, string>;
};

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
