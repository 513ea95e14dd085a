import { isDeepStrictEqual } from 'node:util';

/** An object as it was parsed, and what tells one state of it from another. */
export type Stored<Item> = {
  readonly key: string;
  readonly uid: string;
  /** Resource versions of one kind are ordered numbers
   * (https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-versions). */
  readonly version: number;
  readonly item: Item;
};

/** What is news: an item as it is now, or was at last, and as it was before, if it was known. */
export type Change<Item> = {
  readonly key: string;
  readonly item: Item;
  readonly before: Item | undefined;
};

/**
 * What is known of the objects of one kind; every method that takes something in gives what is news in it. What must hold:
 * - an object is never replaced by an older version of itself;
 * - what is equal to what was known is no news, and neither is what we wrote ourselves;
 * - what somebody else wrote just before us is, though our own answer has brought it in already;
 * - an object of the same name with another uid is another object: the old one is gone.
 */
export class ObjectStore<Item> {
  #objects = new Map<string, Stored<Item>>();
  /** Versions that we wrote and that the watch has not brought yet. */
  readonly #ours = new Set<number>();
  /** How far the watch has come. */
  #reached = 0;

  get(key: string): Stored<Item> | undefined {
    return this.#objects.get(key);
  }

  values(): Item[] {
    return [...this.#objects.values()].map(({ item }) => item);
  }

  /** Takes in what the API server answered to a write of ours; not if it is deleted by now. */
  absorb(object: Stored<Item>): void {
    const known = this.#objects.get(object.key);
    if (known?.uid !== object.uid) return;
    if (object.version > this.#reached) this.#ours.add(object.version);
    if (object.version > known.version) this.#objects.set(object.key, object);
  }

  /** Takes in an object that a watch brought. */
  put(object: Stored<Item>): Change<Item>[] {
    const isOurs = this.#ours.has(object.version);
    this.reached(object.version);
    const known = this.#objects.get(object.key);
    if (known !== undefined && known.version >= object.version) {
      const isForeign = !isOurs && known.version > object.version;
      return isForeign ? [again(known)] : [];
    }
    this.#objects.set(object.key, object);
    return changesFrom(known, object);
  }

  /** Takes in a deletion that a watch brought. */
  delete(object: Stored<Item>): Change<Item>[] {
    this.reached(object.version);
    const known = this.#objects.get(object.key);
    if (known === undefined || known.version > object.version) return [];
    this.#objects.delete(object.key);
    return [{ key: object.key, item: object.item, before: known.item }];
  }

  /** The watch has come to this version; nothing older will come. */
  reached(version: number): void {
    this.#reached = version;
    for (const ours of this.#ours) if (ours <= version) this.#ours.delete(ours);
  }

  /** Takes in a whole list, which knows nothing of what we wrote after it was made. */
  replace(listed: readonly Stored<Item>[], listVersion: number): Change<Item>[] {
    const before = this.#objects;
    const unsure = new Set(this.#ours);
    const isNewer = ({ version }: Stored<Item>) => version > listVersion && this.#ours.has(version);
    this.#objects = new Map([...before].filter(([, object]) => isNewer(object)));
    for (const object of listed) if (!this.#objects.has(object.key)) this.#objects.set(object.key, object);
    this.reached(listVersion);
    const gone = [...before.values()].filter(({ key, uid }) => this.#objects.get(key)?.uid !== uid);
    const news = [...this.#objects.values()].flatMap((now): Change<Item>[] => {
      const known = before.get(now.key);
      if (known?.uid !== now.uid) return [first(now)];
      const changes = changesFrom(known, now);
      // Somebody else may have written before us, and the watch that would have told is over.
      return changes.length === 0 && unsure.has(known.version) ? [again(now)] : changes;
    });
    return [...gone.map(again), ...news];
  }
}

function changesFrom<Item>(known: Stored<Item> | undefined, now: Stored<Item>): Change<Item>[] {
  if (known === undefined) return [first(now)];
  if (known.uid !== now.uid) return [again(known), first(now)];
  const { key, item } = now;
  return isDeepStrictEqual(known.item, item) ? [] : [{ key, item, before: known.item }];
}

const first = <Item>({ key, item }: Stored<Item>): Change<Item> => ({ key, item, before: undefined });
const again = <Item>({ key, item }: Stored<Item>): Change<Item> => ({ key, item, before: item });
