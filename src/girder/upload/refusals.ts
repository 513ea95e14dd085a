/**
 * What is not uploaded, and why: the text follows on the path, like "is a symbolic link, not a regular file". A
 * `directory` is only refused by an item.
 */
export type Refused = {
  readonly path: string;
  readonly kind: 'directory' | 'unsafe' | 'name';
  readonly why: string;
};

/** How many of a kind are kept: enough for a message, whatever a target left. */
const mostKept = 20;

/** What an upload refused: all of it counted, and the first of each kind kept. */
export class Refusals {
  readonly first: Refused[] = [];
  readonly counts = { directory: 0, unsafe: 0, name: 0 };

  add(refused: Refused): void {
    this.counts[refused.kind] += 1;
    if (this.counts[refused.kind] <= mostKept) this.first.push(refused);
  }
}
