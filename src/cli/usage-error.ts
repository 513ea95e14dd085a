/** A command line or a file that cannot be used; the sentence says what, where and how to mend it. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}
