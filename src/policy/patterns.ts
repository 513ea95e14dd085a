/** The source of a regular expression for paths without `.`, `..` and the characters in `excluded`. */
function pathOf(excluded: string): string {
  const letter = `[^/${excluded}]`;
  const letterButDot = `[^/.${excluded}]`;
  return `(/+(${letterButDot}${letter}*|[.]${letterButDot}${letter}*|[.][.]${letter}+))*/*`;
}

export const pathPrefix = new RegExp(`^${pathOf('')}$`);

const imageLetters = '[A-Za-z0-9._:/@+-]';

/** A pattern for images, with at most nine `*` or `**`. */
export const imagePattern = new RegExp(`^${imageLetters}*([*][*]?${imageLetters}+){0,8}([*][*]?)?$`);

/** A pattern for names of volumes of Docker. */
export const volumePattern = /^[A-Za-z0-9*][A-Za-z0-9_.*-]*$/;

export const namespacePattern = /^[a-z0-9*]([a-z0-9*-]*[a-z0-9*])?$/;

const origin = String.raw`^https?://([A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])(:[0-9]+)?`;

/** The part of a URL before its path. It matches only a plain host name or IP address, without a user. */
export const addressOrigin = new RegExp(origin);

/** A URL that every program reads in the same way: no user, query or backslash, and no `..` in its path. */
export const plainAddress = new RegExp(`${origin}${pathOf(String.raw`\\?#\x00-\x20`)}$`);

/** For a schema, which uses RE2 syntax: slashes are not escaped there. */
export function sourceOf({ source }: RegExp): string {
  return source.replaceAll('\\/', '/');
}

/**
 * Matches `*` with anything without a slash, and `**` with anything. Not a regular expression, because it
 * would backtrack: a name that a user chooses could block the controller for minutes.
 */
export function matchesGlob(text: string, pattern: string): boolean {
  const parts = pattern.match(/\*\*|[^]/gu) ?? [];
  // reached[n] is true if the first n parts match the text so far.
  let reached = [true];
  for (const part of parts) reached.push(isWild(part) && reached.at(-1) === true);
  for (const char of text) {
    const before = reached;
    reached = [false];
    for (const [index, part] of parts.entries()) {
      const next = isWild(part)
        ? reached[index] === true || (before[index + 1] === true && (part === '**' || char !== '/'))
        : before[index] === true && part === char;
      reached.push(next);
    }
    if (!reached.includes(true)) return false;
  }
  return reached.at(-1) === true;
}

function isWild(part: string): boolean {
  return part === '*' || part === '**';
}
