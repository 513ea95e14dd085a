/** Milliseconds. A Girder that is not busy lists a thousand items in one or two seconds. */
const slowMs = 10_000;

/** Waits for an answer, and reports one that took long: a sign that Girder is overloaded. */
export async function notingSlow<T>(
  answer: Promise<T>,
  onSlow: (() => void) | undefined,
  afterMs = slowMs,
): Promise<T> {
  const begin = performance.now();
  const document = await answer;
  if (performance.now() - begin > afterMs) onSlow?.();
  return document;
}
