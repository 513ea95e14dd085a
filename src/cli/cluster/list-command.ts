import { setPhases } from '../../api/set/set-status.ts';
import { phases } from '../../api/status.ts';
import { labels, labelValue } from '../../api/names.ts';
import { CommandLineError, type Given, ownCodes } from '../arguments.ts';
import type { Terminal } from '../terminal.ts';
import { objectDescription } from './object-description.ts';
import { objectTable } from './object-table.ts';
import { formatOf, formatted } from './output-format.ts';
import { getTarget, listObjects, openSession, type Selection, type Session } from './session.ts';
import { isSet, type StoredObject } from './stored-object.ts';
import { kindNamed, setNamed, type TargetKind, targetOf } from './targets.ts';
import { colouredPhases } from '../terminal-style.ts';

const formats = ['wide', 'json', 'yaml', 'name'] as const;

/** `dockerrun list` */
export async function listCommand(given: Given, terminal: Terminal): Promise<number> {
  const [word = 'runs'] = given.args;
  const kind = kindNamed(word);
  if (kind === undefined)
    throw new CommandLineError(`list knows runs and sets, but not "${word}"; see dockerrun list --help`);
  const format = formatOf(given, formats);
  const phase = phaseOf(given, kind);
  const session = await openSession(given, terminal);
  const fieldSelector = phase === undefined ? undefined : `status.phase=${phase}`;
  const objects = await listObjects(session, { ...selectionOf(given, kind, session), fieldSelector });
  if (format !== undefined && format !== 'wide')
    terminal.stdout.write(formatted(objects, format, { isList: true }));
  else if (objects.length === 0) terminal.stderr.write(`dockerrun: ${nothingIn(given, kind, session)}\n`);
  else
    printTable(
      objects,
      { kind, isWide: format === 'wide', hasNamespace: given.has('all-namespaces') },
      terminal,
    );
  return ownCodes.done;
}

/** `dockerrun get` */
export async function getCommand(given: Given, terminal: Terminal): Promise<number> {
  const targets = given.args.map((text) => targetOf(text));
  const format = formatOf(given, formats);
  const session = await openSession(given, terminal);
  const objects: StoredObject[] = [];
  for (const target of targets) objects.push(await getTarget(session, target));
  if (format === 'wide') {
    for (const kind of ['run', 'set'] as const) {
      const own = objects.filter((object) => isSet(object) === (kind === 'set'));
      if (own.length > 0) printTable(own, { kind, isWide: true, hasNamespace: false }, terminal);
    }
  } else if (format !== undefined) terminal.stdout.write(formatted(objects, format, { isList: false }));
  else
    terminal.stdout.write(
      objects.map((one) => `${objectDescription(one, Date.now()).join('\n')}\n`).join('\n'),
    );
  return ownCodes.done;
}

/** What the options -l, -A and --set select. @throws CommandLineError */
export function selectionOf(given: Given, kind: TargetKind, { namespace }: Session): Selection {
  const set = given.text('set');
  if (set !== undefined && kind === 'set')
    throw new CommandLineError('--set selects the runs of a set, and not sets');
  const ofSet = set === undefined ? [] : [`${labels.set}=${labelValue(setNamed(set, '--set').name)}`];
  const selectors = [...given.texts('selector'), ...ofSet];
  return {
    kind,
    namespace: given.has('all-namespaces') ? undefined : namespace,
    labelSelector: selectors.length === 0 ? undefined : selectors.join(','),
  };
}

function phaseOf(given: Given, kind: TargetKind): string | undefined {
  const text = given.text('phase');
  if (text === undefined) return undefined;
  const known: readonly string[] = kind === 'run' ? phases : setPhases;
  const phase = known.find((one) => one.toLowerCase() === text.toLowerCase());
  if (phase === undefined)
    throw new CommandLineError(`--phase ${text}: it must be one of ${known.join(', ')}`);
  return phase;
}

function nothingIn(given: Given, kind: TargetKind, { namespace }: Session): string {
  const where = given.has('all-namespaces') ? 'the cluster' : `the namespace ${namespace}`;
  const isFiltered = ['selector', 'phase', 'set'].some((option) => given.has(option));
  return `there are no ${kind}s${isFiltered ? ' of this kind' : ''} in ${where}`;
}

type Shown = { readonly kind: TargetKind; readonly isWide: boolean; readonly hasNamespace: boolean };

function printTable(objects: readonly StoredObject[], shown: Shown, terminal: Terminal): void {
  const lines = objectTable(objects, { ...shown, now: Date.now() });
  terminal.stdout.write(`${colouredPhases(lines, terminal).join('\n')}\n`);
}
