import { CommandLineError, type Given, ownCodes, secondsOf } from '../arguments.ts';
import type { Terminal } from '../terminal.ts';
import { followForever, untilEnded } from './followed-objects.ts';
import { selectionOf } from './list-command.ts';
import { LiveView } from './live-table.ts';
import { stateLine } from './run-ends.ts';
import { namedTargets, selectedTargets } from './selected-targets.ts';
import { openSession, type Session } from './session.ts';
import { nameOfStored, plain, type StoredObject } from './stored-object.ts';
import { kindNamed, type Target, targetOf, titleOf } from './targets.ts';

/** `dockerrun watch` */
export async function watchCommand(given: Given, terminal: Terminal): Promise<number> {
  const timeoutSeconds = secondsOf(given, 'timeout');
  const [first = 'runs', second] = given.args;
  // A run of this name is run/runs.
  const kind = second === undefined && /^(runs|sets)$/.test(first) ? kindNamed(first) : undefined;
  const session = await openSession(given, terminal);
  if (kind === undefined) {
    const option = ['selector', 'set', 'all-namespaces'].find((name) => given.has(name));
    if (option !== undefined) throw new CommandLineError(`watch takes either names or --${option}`);
    return watchTargets(
      session,
      given.args.map((text) => targetOf(text)),
      timeoutSeconds,
    );
  }
  using view = new LiveView(terminal, { hasNamespace: given.has('all-namespaces') });
  await followForever(session, selectionOf(given, kind, session), {
    onChange: (all, key) => view.show(all, key),
    timeoutSeconds,
  });
  return ownCodes.done;
}

/** Shows runs and sets until all have ended; returns their exit code. */
export async function watchTargets(
  session: Session,
  targets: readonly Target[],
  timeoutSeconds: number | undefined,
): Promise<number> {
  using view = new LiveView(session.terminal, { hasNamespace: false });
  return await untilEnded(session, distinct(targets), {
    onChange: (all, key) => view.show(all, key),
    timeoutSeconds,
  });
}

/** `dockerrun wait` */
export async function waitCommand(given: Given, terminal: Terminal): Promise<number> {
  const timeoutSeconds = secondsOf(given, 'timeout');
  const named = namedTargets(given, 'wait');
  const session = await openSession(given, terminal);
  const targets = await selectedTargets(given, session, named);
  return targets.length === 0 ? ownCodes.failed : waitFor(session, targets, timeoutSeconds);
}

/** Waits in silence, and prints a line about how each ended; returns the exit code. */
export async function waitFor(
  session: Session,
  targets: readonly Target[],
  timeoutSeconds: number | undefined,
): Promise<number> {
  let last: ReadonlyMap<string, StoredObject> = new Map();
  const onChange = (all: ReadonlyMap<string, StoredObject>) => (last = all);
  const code = await untilEnded(session, distinct(targets), { onChange, timeoutSeconds });
  for (const object of last.values())
    session.terminal.stdout.write(`${nameOfStored(object)} ${plain(stateLine(object))}\n`);
  return code;
}

function distinct(targets: readonly Target[]): Target[] {
  return [...new Map(targets.map((target) => [titleOf(target), target])).values()];
}
