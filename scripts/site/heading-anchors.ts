/** The anchor of a heading as GitHub forms it from the heading's Markdown: what a link has after its `#`. */
export function headingAnchor(heading: string): string {
  return heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-');
}

/** Gives each anchor of a page once; GitHub numbers those that come again, as `fixed`, `fixed-1`. */
export class UsedAnchors {
  readonly #used = new Set<string>();

  free(wanted: string): string {
    let anchor = wanted;
    for (let number = 1; this.#used.has(anchor); number += 1) anchor = `${wanted}-${number}`;
    this.#used.add(anchor);
    return anchor;
  }
}
