import { isRefused } from '../../kube/kube-error.ts';
import { ListWatch } from '../../kube/list-watch.ts';
import { deadline } from '../../support/abort.ts';
import { createLogger } from '../../support/log.ts';
import {
  ClusterError,
  clusterError,
  collectionOf,
  getTarget,
  type Selection,
  type Session,
} from './session.ts';
import { nameOfStored, type StoredObject } from './stored-object.ts';
import { endCodeOf, timeoutCode } from './run-ends.ts';
import { type Target, titleOf } from './targets.ts';

/** The objects now, by `<namespace>/<kind>/<name>`, and the one that changed; undefined if it was deleted. */
export type OnChange = (all: ReadonlyMap<string, StoredObject>, key: string) => void;

const keyOf = (object: StoredObject) => `${object.metadata.namespace}/${nameOfStored(object)}`;

type Following = {
  readonly session: Session;
  readonly selections: readonly Selection[];
  readonly onChange: OnChange;
  /** Called after each list of a selection, with how many objects it has. */
  readonly onListed?: (selection: Selection, count: number) => void;
  readonly signal: AbortSignal;
};

/**
 * Follows every object of the selections until the signal aborts.
 *
 * @throws ClusterError if the API server does not list them, or refuses to watch them; later failures may pass
 */
export async function followObjects(following: Following): Promise<void> {
  const { session, selections, onChange, onListed, signal } = following;
  const { connection, terminal } = session;
  const all = new Map<string, StoredObject>();
  const failed = new AbortController();
  const either = AbortSignal.any([signal, failed.signal]);
  let isSilent = false;
  const log = createLogger('warn', {
    write: () => {
      if (!isSilent && !failed.signal.aborted)
        terminal.stderr.write('dockerrun: the API server does not answer; trying again\n');
      isSilent = true;
    },
  });
  const follow = async (selection: Selection) => {
    const { kind, namespace, labelSelector, fieldSelector } = selection;
    const named = kind === 'run' ? 'DockerRun' : 'DockerRunSet';
    const watch: ListWatch<StoredObject> = new ListWatch<StoredObject>({
      connection,
      path: collectionOf(kind, namespace),
      labelSelector,
      fieldSelector,
      parse: (object) => ({ ...(object as StoredObject), kind: named }),
      onChange: (item) => {
        isSilent = false;
        const { namespace: space, name } = item.metadata;
        if (watch.get(`${space}/${name}`) === undefined) all.delete(keyOf(item));
        else all.set(keyOf(item), item);
        onChange(all, keyOf(item));
      },
      observer: {
        listed: (count) => onListed?.(selection, count),
        watching: () => undefined,
        event: () => undefined,
        interrupted: (_reason, failure) => {
          if (failure !== undefined && (!watch.synced || isRefused(failure))) failed.abort(failure);
        },
      },
      log,
    });
    await watch.run(either);
  };
  await Promise.all(selections.map(follow));
  if (failed.signal.aborted && !signal.aborted) throw clusterError(failed.signal.reason, session);
}

export type Ending = {
  /** Called for every change, with the objects that still exist. */
  readonly onChange?: OnChange;
  readonly timeoutSeconds: number | undefined;
};

/**
 * Follows runs and sets until all have ended, and returns the largest of their exit codes, or that of a time that is
 * over. One that is deleted has ended with exit code 1. @throws ClusterError if one does not exist
 */
export async function untilEnded(
  session: Session,
  targets: readonly Target[],
  { onChange, timeoutSeconds }: Ending,
): Promise<number> {
  const { stop, stderr } = session.terminal;
  for (const target of targets) await getTarget(session, target);
  const ends = new Map<string, number>();
  const done = new AbortController();
  const either = AbortSignal.any([stop, done.signal]);
  const signal = timeoutSeconds === undefined ? either : deadline(timeoutSeconds * 1000, either);
  const { namespace } = session;
  const selections = targets.map(({ kind, name }) => ({
    ...{ kind, namespace, name },
    fieldSelector: `metadata.name=${name}`,
  }));
  const deleted = new Set<string>();
  const end = (key: string, code: number | undefined) => {
    if (code !== undefined) ends.set(key, code);
    else ends.delete(key);
    if (ends.size === targets.length) done.abort();
  };
  const endDeleted = (key: string) => {
    const title = key.split('/').slice(1).join('/');
    if (!deleted.has(key)) stderr.write(`dockerrun: ${title} was deleted\n`);
    deleted.add(key);
    end(key, 1);
  };
  await followObjects({
    session,
    selections,
    onChange: (all, key) => {
      onChange?.(all, key);
      const object = all.get(key);
      if (object === undefined) return endDeleted(key);
      deleted.delete(key);
      end(key, endCodeOf(object));
    },
    // What was deleted before the first list shows no change.
    onListed: (selection, count) => {
      const target = selections.find((one) => one === selection);
      if (count === 0 && target !== undefined) endDeleted(`${namespace}/${titleOf(target)}`);
    },
    signal,
  });
  stop.throwIfAborted();
  if (done.signal.aborted) return Math.max(0, ...ends.values());
  const left = targets.map(titleOf).filter((title) => !ends.has(`${namespace}/${title}`));
  stderr.write(`dockerrun: ${left.join(', ')} did not end within ${timeoutSeconds ?? 0} s\n`);
  return timeoutCode;
}

/** As {@link untilEnded}, for a selection without an end. */
export async function followForever(
  session: Session,
  selection: Selection,
  { onChange, timeoutSeconds }: Ending & { readonly onChange: OnChange },
): Promise<void> {
  const { stop } = session.terminal;
  const signal = timeoutSeconds === undefined ? stop : deadline(timeoutSeconds * 1000, stop);
  await followObjects({ session, selections: [selection], onChange, signal });
  stop.throwIfAborted();
  if (signal.aborted && timeoutSeconds === undefined) throw new ClusterError('the watch ended');
}
