/** The regular expression of a pattern: `*` is anything without a slash, `**` anything, all else is itself. */
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
