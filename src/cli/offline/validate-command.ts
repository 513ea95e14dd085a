import { kind, setKind } from '../../api/names.ts';
import { exitCodes } from '../../api/run-plan.ts';
import { UsageError } from '../arguments.ts';
import type { Terminal } from '../terminal.ts';
import { type Fields, manifestOf, nameOfInput, parseDocuments, readInput } from './manifest.ts';
import { acceptSet } from './set-validation.ts';
import { acceptRun } from './validation.ts';

/**
 * `dockerrun validate`: checks every DockerRun and DockerRunSet of the files, with the sentences of the cluster, and
 * needs neither a cluster nor an engine. What depends on the cluster is not checked: the DockerRunPolicy, and whether
 * Secrets and data exist. Returns 0, or 64 if an object or a file is invalid; all files are read either way.
 */
export async function validateCommand(
  { files }: { readonly files: readonly string[] },
  terminal: Terminal,
): Promise<number> {
  let isValid = true;
  for (const path of files) {
    const problems = await problemsOf(path, terminal);
    for (const problem of problems) terminal.stderr.write(`dockerrun: ${problem}\n`);
    isValid &&= problems.length === 0;
  }
  return isValid ? exitCodes.done : exitCodes.spec;
}

/** Prints a line for each valid object of a file; returns what is wrong with the others. */
async function problemsOf(path: string, { stdin, stdout, stop }: Terminal): Promise<string[]> {
  const file = nameOfInput(path);
  try {
    const { runs } = manifestOf(parseDocuments(await readInput(path, stdin, stop), file), file);
    if (runs.length === 0) return [`${file}: contains no ${kind} and no ${setKind}`];
    return runs.flatMap((run) => {
      const problem = problemOf(run, file);
      if (problem === undefined) stdout.write(`${file}: ${titleOf(run)} is valid\n`);
      return problem === undefined ? [] : [problem];
    });
  } catch (error) {
    if (error instanceof UsageError) return [error.message];
    throw error;
  }
}

function problemOf(run: Fields, file: string): string | undefined {
  try {
    // One file often has several objects.
    const place = `${file}: ${titleOf(run)}`;
    if (run['kind'] === setKind) acceptSet(run, place);
    else acceptRun(run, place);
    return undefined;
  } catch (error) {
    if (error instanceof UsageError) return error.message;
    throw error;
  }
}

function titleOf({ kind: own, metadata }: Fields): string {
  const { name, generateName } = (metadata ?? {}) as { name?: unknown; generateName?: unknown };
  const title = typeof name === 'string' ? name : typeof generateName === 'string' ? `${generateName}…` : '';
  return `${String(own)} ${title}`.trimEnd();
}
