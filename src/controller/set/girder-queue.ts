import { Turns } from '../../runtime/turns.ts';

/**
 * The sets that wait for a place under a bound of the policy for their Girder. The one that has waited for the longest
 * is the next, so that a large set does not keep the others from starting. It is lost with the leader, and fills again.
 */
export class GirderQueue {
  readonly #turns = new Turns();
  /** The keys of sets, by the address of their Girder; no list is empty. */
  readonly #waiting = new Map<string, readonly string[]>();

  /** Sets of one Girder decide in turn, so that each counts what the one before it has created. */
  inTurn<T>(address: string | undefined, work: () => Promise<T>): Promise<T> {
    return this.#turns.take(address, work);
  }

  /** How many sets have waited for longer than this one. */
  ahead(address: string, key: string): number {
    const waiting = this.#at(address);
    const index = waiting.indexOf(key);
    return index === -1 ? waiting.length : index;
  }

  /** Call when a set has decided: one that has started something waits behind the others for more. */
  decided(
    address: string,
    key: string,
    { waits, hasStarted }: { waits: boolean; hasStarted: boolean },
  ): void {
    const before = this.#at(address);
    if (waits && !hasStarted && before.includes(key)) return;
    const others = before.filter((one) => one !== key);
    const after = waits ? [...others, key] : others;
    if (after.length === 0) this.#waiting.delete(address);
    else this.#waiting.set(address, after);
  }

  /** The sets that may start next, at most `places` of them. */
  next(address: string, places: number): readonly string[] {
    return this.#at(address).slice(0, Math.max(0, places));
  }

  #at(address: string): readonly string[] {
    return this.#waiting.get(address) ?? [];
  }
}
