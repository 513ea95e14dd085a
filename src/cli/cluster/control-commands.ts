import { isTerminalPhase } from '../../api/status.ts';
import { specChange, type SpecVerb } from '../../kube/spec-changes.ts';
import { type Given, ownCodes } from '../arguments.ts';
import type { Terminal } from '../terminal.ts';
import { ask, checked, collectionOf, getTarget, openSession, type Session } from './session.ts';
import { runStatusOf, setStatusOf, type StoredObject } from './stored-object.ts';
import { namedTargets, selectedTargets } from './selected-targets.ts';
import { type Target, titleOf } from './targets.ts';

/** Changes the spec as the verb says, as `kubectl patch` does, or asks whether it could with --dry-run. */
export async function patchSpec(
  session: Session,
  target: Target,
  { verb, given }: { readonly verb: SpecVerb; readonly given: Given },
): Promise<StoredObject> {
  const path = `${collectionOf(target.kind, session.namespace)}/${target.name}`;
  const query = { fieldManager: 'dockerrun', ...(given.has('dry-run') ? { dryRun: 'All' } : {}) };
  const contentType = 'application/merge-patch+json';
  const answer = await ask(session, {
    method: 'PATCH',
    path,
    query,
    contentType,
    body: { spec: specChange(verb) },
  });
  return checked(answer, titleOf(target));
}

/** What is said when it is done, of a run and of a set. */
const done = {
  cancel: { run: 'is being cancelled', set: 'is being cancelled, with what runs of it' },
  suspend: { run: 'is being suspended', set: 'starts nothing more; what runs is completed' },
  resume: { run: 'is resumed', set: 'continues' },
} as const satisfies Partial<Record<SpecVerb, Readonly<Record<Target['kind'], string>>>>;

const control =
  (verb: keyof typeof done) =>
  async (given: Given, terminal: Terminal): Promise<number> => {
    const named = namedTargets(given, verb);
    const session = await openSession(given, terminal);
    for (const target of await selectedTargets(given, session, named)) {
      const ended = endedPhase(await getTarget(session, target), target);
      if (ended === undefined) await patchSpec(session, target, { verb, given });
      const text = ended === undefined ? done[verb][target.kind] : `has already ended (${ended})`;
      terminal.stdout.write(`${titleOf(target)} ${text}${dryRunNote(given)}\n`);
    }
    return ownCodes.done;
  };

const dryRunNote = (given: Given) => (given.has('dry-run') ? ' (dry run: nothing was changed)' : '');

function endedPhase(object: StoredObject, { kind }: Target): string | undefined {
  if (kind === 'set') return setStatusOf(object).phase === 'Cancelled' ? 'Cancelled' : undefined;
  const { phase } = runStatusOf(object);
  return isTerminalPhase(phase) ? phase : undefined;
}

export const cancelCommand = control('cancel');
export const suspendCommand = control('suspend');
export const resumeCommand = control('resume');

/** `dockerrun delete`: says what is deleted with it. */
export async function deleteCommand(given: Given, terminal: Terminal): Promise<number> {
  const named = namedTargets(given, 'delete');
  const session = await openSession(given, terminal);
  for (const target of await selectedTargets(given, session, named)) {
    const object = await getTarget(session, target);
    const path = `${collectionOf(target.kind, session.namespace)}/${target.name}`;
    const query: Record<string, string> = given.has('dry-run') ? { dryRun: 'All' } : {};
    // The uid: another object of the name may exist by now.
    const body = { propagationPolicy: 'Background', preconditions: { uid: object.metadata['uid'] } };
    await ask(session, { method: 'DELETE', path, query, body });
    terminal.stdout.write(`${titleOf(target)} deleted${withIt(object, target)}${dryRunNote(given)}\n`);
  }
  return ownCodes.done;
}

function withIt(object: StoredObject, { kind }: Target): string {
  if (kind === 'set') return ', with the runs of it in the cluster; results in Girder stay';
  const isOver = isTerminalPhase(runStatusOf(object).phase);
  return isOver ? ', with its pods and their log; results in Girder stay' : ', and its target is stopped';
}
