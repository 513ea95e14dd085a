import { isTerminalPhase } from '../../api/status.ts';
import { type Given, ownCodes } from '../arguments.ts';
import type { Terminal } from '../terminal.ts';
import { ask, checked, collectionOf, getTarget, openSession, type Session } from './session.ts';
import { runStatusOf, setStatusOf, type StoredObject } from './stored-object.ts';
import { namedTargets, selectedTargets } from './selected-targets.ts';
import { type Target, titleOf } from './targets.ts';

type Patch = { readonly spec: Readonly<Record<string, unknown>>; readonly given: Given };

/** Changes fields of a spec, as `kubectl patch` does, or asks whether it could with --dry-run. */
export async function patchSpec(
  session: Session,
  target: Target,
  { spec, given }: Patch,
): Promise<StoredObject> {
  const path = `${collectionOf(target.kind, session.namespace)}/${target.name}`;
  const query = { fieldManager: 'dockerrun', ...(given.has('dry-run') ? { dryRun: 'All' } : {}) };
  const contentType = 'application/merge-patch+json';
  const answer = await ask(session, { method: 'PATCH', path, query, contentType, body: { spec } });
  return checked(answer, titleOf(target));
}

type Verb = {
  readonly spec: Readonly<Record<string, unknown>>;
  /** What is said when it is done, of a run and of a set. */
  readonly done: Readonly<Record<Target['kind'], string>>;
};

const verbs = {
  cancel: {
    spec: { cancel: true },
    done: { run: 'is being cancelled', set: 'is being cancelled, with what runs of it' },
  },
  suspend: {
    spec: { suspend: true },
    done: { run: 'is being suspended', set: 'starts nothing more; what runs is completed' },
  },
  resume: { spec: { suspend: false }, done: { run: 'is resumed', set: 'continues' } },
} as const satisfies Record<string, Verb>;

const control =
  (name: keyof typeof verbs) =>
  async (given: Given, terminal: Terminal): Promise<number> => {
    const { spec, done }: Verb = verbs[name];
    const named = namedTargets(given, name);
    const session = await openSession(given, terminal);
    for (const target of await selectedTargets(given, session, named)) {
      const ended = endedPhase(await getTarget(session, target), target);
      if (ended === undefined) await patchSpec(session, target, { spec, given });
      const text = ended === undefined ? done[target.kind] : `has already ended (${ended})`;
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
