import { rm } from 'node:fs/promises';
import type { Report } from '../../api/report.ts';
import { recordAt } from '../../kube/json.ts';
import type { SurveyedInput } from '../../planner/survey.ts';
import { cancelledBy } from '../../support/abort.ts';
import type { RunCommand } from '../arguments.ts';
import type { Terminal } from '../terminal.ts';
import type { CommandInput } from './command-input.ts';
import { plainLog, Printer, printerOptions } from './console.ts';
import { localEnvironment } from './local-environment.ts';
import { type LocalGirder, makeLocalPass, resultPages } from './local-pass.ts';
import { type EngineSide, type LocalDirectory, makeLocalDirectory } from './local-volumes.ts';
import { countsLine, ignoredSetFields, inputs, itemEnds, ItemProgress, whyLines } from './set-lines.ts';
import { type AcceptedSet, acceptSet, chunkSpecOf } from '../offline/set-validation.ts';
import { failedCommand, failureLine, killTarget, onSecondSignal, performRun } from './supervision.ts';
import { ignoredFields } from '../offline/validation.ts';

const defaultLimit = 3;

type SetRun = LocalGirder & {
  readonly limit: number;
  readonly directory: LocalDirectory;
  readonly dockerSocket: string;
  readonly engineSide: EngineSide | undefined;
  readonly printer: Printer;
  readonly terminal: Terminal;
};

/**
 * Makes a pass of a DockerRunSet on this machine, runs its first inputs, and returns the exit code.
 * @throws UsageError if it cannot start
 */
export async function runSetCommand(
  command: RunCommand,
  input: CommandInput,
  terminal: Terminal,
): Promise<number> {
  const { manifest, chosen, secretsOf, girderRedirects, engineSide } = input;
  const set = acceptSet(chosen, manifest.file);
  const secrets = secretsOf(set.namespace);
  const printer = new Printer(
    terminal.stderr,
    command.quiet,
    printerOptions(terminal.environment, engineSide),
  );
  const notes = [
    ...ownerNote(chosen, set),
    ...ignoredSetFields(set.spec),
    ...ignoredFields(set.spec.template.spec, manifest),
  ];
  for (const note of notes) printer.print(note);
  const log = plainLog(printer);
  const signal = cancelledBy(terminal.stop, 'the pass');
  const dockerSocket = await input.dockerSocket();
  const directory = await makeLocalDirectory(terminal.environment);
  const limit = command.limit ?? defaultLimit;
  const found = { set, secrets, girderRedirects, engineSide };
  const common = { ...found, log, signal, limit, directory, dockerSocket };
  try {
    return await passOf({ ...common, printer, terminal });
  } finally {
    await rm(directory.path, { recursive: true, force: true }).catch(() => undefined);
  }
}

/** A set of the same name in another namespace is another set, which would not take the results over. */
function ownerNote(manifest: CommandInput['chosen'], { namespace, name }: AcceptedSet): string[] {
  if (recordAt(manifest, 'metadata')['namespace'] !== undefined) return [];
  return [
    `the results will belong to the set ${namespace}/${name}: apply it to the namespace ${namespace}, or write the namespace that it will have as metadata.namespace`,
  ];
}

async function passOf(run: SetRun): Promise<number> {
  const { printer, terminal, limit, set } = run;
  const { stop } = terminal;
  printer.print('comparing the source with the results');
  let compared = 0;
  const onListed = (count: number) => {
    if (count > compared) printer.print(`compared ${inputs(count)}`);
    compared = count;
  };
  try {
    const { counts, why, inputs: found, failures } = await makeLocalPass({ ...run, onListed });
    printer.print(countsLine(counts, why));
    for (const { reason, count, message } of failures)
      printer.print(`failed for good (${reason}): ${inputs(count)}${message ? `, such as: ${message}` : ''}`);
    const isDry = set.spec.dryRun === true;
    const verb = isDry ? 'would run' : 'running';
    if (counts.todo > found.length)
      printer.print(`${verb} the first ${found.length} of ${counts.todo} inputs (--limit ${limit})`);
    for (const line of whyLines(found)) printer.print(line);
    if (counts.todo === 0) printer.print('done: nothing has to run');
    return counts.todo === 0 || isDry ? 0 : await runInputs(run, found, counts.todo);
  } catch (error) {
    return failedCommand(error, { printer, stop });
  }
}

/** The inputs run as one chunk, with the code of the worker of a cluster. */
async function runInputs(run: SetRun, found: readonly SurveyedInput[], todo: number): Promise<number> {
  const { set, printer, terminal, secrets } = run;
  const { stdout, stop } = terminal;
  const items = found.map(({ item }) => item);
  const chunk = { namespace: set.namespace, name: `${set.name}-local`, spec: chunkSpecOf(set, items) };
  const warn = (message: string) => printer.warn(message);
  const environment = await localEnvironment(chunk, { ...run, warn });
  const progress = new ItemProgress(found);
  const moreLines = (report: Report) => progress.next(report);
  using _ = onSecondSignal(stop, () => {
    printer.print('killing the target');
    void killTarget(environment);
  });
  const end = await performRun(environment, { printer, stdout, stop, secrets, moreLines });
  const ends = itemEnds(found, end.report);
  const pages = await resultPages(
    run,
    ends.map((one) => one.found.item),
  );
  for (const { found: one, text } of ends) {
    const page = pages.get(one.item.id);
    printer.print(page === undefined ? text : `${text}: ${page}`);
  }
  const good = (end.report.items?.states ?? '').replace(/[^sk]/g, '').length;
  const left = todo - good;
  const more = left > 0 ? `; ${left} more ${left === 1 ? 'has' : 'have'} to run` : '';
  if (end.failure === undefined) printer.print(`done: ${inputs(good)} succeeded${more}`);
  else printer.warn(`${failureLine(end.failure)} ${good} of ${inputs(items.length)} succeeded${more}`);
  return end.exitCode;
}
