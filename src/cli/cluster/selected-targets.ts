import { CommandLineError, type Given } from '../arguments.ts';
import { listObjects, type Session } from './session.ts';
import { type Target, targetOf } from './targets.ts';

/**
 * The runs and sets that the arguments name, or the runs that --selector selects.
 *
 * @throws CommandLineError for both or none: what stops or deletes runs never takes all of them by mistake
 */
export function namedTargets(given: Given, verb: string): readonly Target[] | undefined {
  if (given.args.length > 0 && given.has('selector'))
    throw new CommandLineError(`${verb} takes either names or --selector`);
  if (given.args.length > 0) return given.args.map((text) => targetOf(text));
  if (!given.has('selector'))
    throw new CommandLineError(`${verb} needs a NAME, or --selector; see dockerrun ${verb} --help`);
  return undefined;
}

/** The targets that are named, or else those of --selector at this moment. */
export async function selectedTargets(
  given: Given,
  session: Session,
  named: readonly Target[] | undefined,
): Promise<readonly Target[]> {
  if (named !== undefined) return named;
  const labelSelector = given.texts('selector').join(',');
  const found = await listObjects(session, { kind: 'run', namespace: session.namespace, labelSelector });
  if (found.length === 0)
    session.terminal.stderr.write(`dockerrun: no run has the labels ${labelSelector}\n`);
  return found.map(({ metadata }) => ({ kind: 'run', name: metadata.name }));
}
