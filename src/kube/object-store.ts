import { isDeepStrictEqual } from 'node:util';

/** A parsed object, with what identifies it and its version. */
export type Stored<Item> = {
  readonly key: string;
  readonly uid: string;
  /** Resource versions of one kind are ordered numbers
   * (https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-versions). */
  readonly version: number;
  readonly item: Item;
};

/** A change of an object in the store. */
export type Change<Item> = {
  readonly key: string;
  /** The current state, or the last one if the object was deleted. */
  readonly item: Item;
  /** The state that the store had before, if it had the object. */
  readonly before: Item | undefined;
};

/**
 * The objects of one kind, as far as lists, watches and answers to our writes have shown them. Methods that
 * store something from a list or a watch return the changes that it brought. Invariants:
 * - an object is never replaced by an older version of itself;
 * - an object that is equal to the stored one is not a change, and neither is what we wrote ourselves;
 * - what another client wrote just before us is a change, although the answer to our write has already stored
 *   it;
 * - an object of the same name with another uid is another object, and the old one was deleted.
 */
export class ObjectStore<Item> {
  #objects = new Map<string, Stored<Item>>();
  /** Versions that we wrote and that the watch has not delivered yet. */
  readonly #ours = new Set<number>();
  /** The last version that the watch has delivered. */
  #watchedVersion = 0;

  get(key: string): Stored<Item> | undefined {
    return this.#objects.get(key);
  }

  values(): Item[] {
    return [...this.#objects.values()].map(({ item }) => item);
  }

  /** Stores the API server's answer to a write of ours, unless the object was deleted in the meantime. */
  absorb(object: Stored<Item>): void {
    const known = this.#objects.get(object.key);
    if (known?.uid !== object.uid) return;
    if (object.version > this.#watchedVersion) this.#ours.add(object.version);
    if (object.version > known.version) this.#objects.set(object.key, object);
  }

  /** Stores an object that we created, unless the watch has shown it, and maybe its deletion, already. */
  absorbCreated(object: Stored<Item>): void {
    if (this.#objects.has(object.key) || object.version <= this.#watchedVersion) return this.absorb(object);
    this.#ours.add(object.version);
    this.#objects.set(object.key, object);
  }

  /** Stores an object from an event of a watch. */
  put(object: Stored<Item>): Change<Item>[] {
    const isOurs = this.#ours.has(object.version);
    this.advanceTo(object.version);
    const known = this.#objects.get(object.key);
    if (known !== undefined && known.version >= object.version) {
      const isForeign = !isOurs && known.version > object.version;
      return isForeign ? [again(known)] : [];
    }
    this.#objects.set(object.key, object);
    return changesFrom(known, object);
  }

  /** Removes an object after a DELETED event of a watch. */
  delete(object: Stored<Item>): Change<Item>[] {
    this.advanceTo(object.version);
    const known = this.#objects.get(object.key);
    if (known === undefined || known.version > object.version) return [];
    this.#objects.delete(object.key);
    return [{ key: object.key, item: object.item, before: known.item }];
  }

  /** Records that the watch has delivered everything up to this version. */
  advanceTo(version: number): void {
    this.#watchedVersion = version;
    for (const ours of this.#ours) if (ours <= version) this.#ours.delete(ours);
  }

  /** Stores a whole list, except where we wrote a newer version after the list was made. */
  replace(listed: readonly Stored<Item>[], listVersion: number): Change<Item>[] {
    const before = this.#objects;
    const isNewer = ({ version }: Stored<Item>) => version > listVersion && this.#ours.has(version);
    const after = new Map([...before].filter(([, object]) => isNewer(object)));
    for (const object of listed) if (!after.has(object.key)) after.set(object.key, object);
    // All changes are computed before anything is stored: a list that failed halfway would lose the others.
    const deleted = [...before.values()].filter(({ key, uid }) => after.get(key)?.uid !== uid);
    const changed = [...after.values()].flatMap((now): Change<Item>[] => {
      const known = before.get(now.key);
      if (known?.uid !== now.uid) return [first(now)];
      const changes = changesFrom(known, now);
      // Another client may have written just before us, and the watch that would have shown it has ended.
      return changes.length === 0 && this.#ours.has(known.version) ? [again(now)] : changes;
    });
    this.#objects = after;
    this.advanceTo(listVersion);
    return [...deleted.map(again), ...changed];
  }
}

function changesFrom<Item>(known: Stored<Item> | undefined, now: Stored<Item>): Change<Item>[] {
  if (known === undefined) return [first(now)];
  if (known.uid !== now.uid) return [again(known), first(now)];
  const { key, item } = now;
  return areEqual(known.item, item) ? [] : [{ key, item, before: known.item }];
}

/** Items that cannot be compared, because they are nested too deeply for the stack, count as different. */
function areEqual(one: unknown, other: unknown): boolean {
  try {
    return isDeepStrictEqual(one, other);
  } catch {
    return false;
  }
}

const first = <Item>({ key, item }: Stored<Item>): Change<Item> => ({ key, item, before: undefined });
const again = <Item>({ key, item }: Stored<Item>): Change<Item> => ({ key, item, before: item });
