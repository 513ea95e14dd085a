/** The verbs that only change fields of a spec; the controller does the rest. */
export type SpecVerb = 'cancel' | 'suspend' | 'resume' | 'retryFailed';

/** The fields of `spec` that a verb changes, as a merge patch has them. `now` makes a value that was not there before. */
export function specChange(verb: SpecVerb, now = new Date()): Readonly<Record<string, unknown>> {
  switch (verb) {
    case 'cancel':
      return { cancel: true };
    case 'suspend':
      return { suspend: true };
    case 'resume':
      return { suspend: false };
    case 'retryFailed':
      // A new value has the failed inputs of a set tried again, once.
      return { retryFailed: `retry ${now.toISOString()}` };
  }
}
