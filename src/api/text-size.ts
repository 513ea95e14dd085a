/** How many bytes a value takes as JSON in UTF-8. */
export function jsonBytes(value: unknown): number {
  return Buffer.byteLength(JSON.stringify(value));
}

/** The largest number from 0 to `most` that fits, if every smaller one does as well; 0 when none fits. */
export function largestFitting(most: number, fits: (count: number) => boolean): number {
  let [least, greatest] = [0, most];
  while (least < greatest) {
    const middle = Math.ceil((least + greatest) / 2);
    if (fits(middle)) least = middle;
    else greatest = middle - 1;
  }
  return least;
}

/** The beginning of a text whose JSON takes at most so many bytes. */
export function truncateToBytes(text: string, bytes: number): string {
  const fits = (candidate: string) => jsonBytes(candidate) <= bytes;
  if (fits(text)) return text;
  const length = largestFitting(Math.min(text.length, bytes), (count) => fits(`${text.slice(0, count)}…`));
  return `${text.slice(0, length)}…`;
}
