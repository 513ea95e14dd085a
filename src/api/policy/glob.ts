/**
 * The pattern language of the policy: `*` is anything without a slash, `**` anything, all else is itself. It is
 * written twice side by side, for the controller and in CEL for the API server.
 */

/** The regular expression of a pattern, for the controller. */
export function globOf(pattern: string): RegExp {
  const source = pattern
    .split('**')
    .map((part) => part.split('*').map(escaped).join('[^/]*'))
    .join('.*');
  return new RegExp(`^${source}$`, 's');
}

function escaped(text: string): string {
  return text.replace(/[^\w/]/g, '\\$&');
}

/** The same as a condition in CEL; the pattern must have no backslash. */
export function celMatchesGlob(text: string, pattern: string): string {
  const quoted = `'\\\\Q' + plain + '\\\\E'`;
  const parts = `part.split('*').map(plain, ${quoted}).join('[^/]*')`;
  return `${text}.matches('(?s)^' + ${pattern}.split('**').map(part, ${parts}).join('.*') + '$')`;
}
