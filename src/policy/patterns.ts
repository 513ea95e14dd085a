/** A path of any length without `.` and `..`, made of characters other than some. */
function pathOf(others: string): string {
  const letter = `[^/${others}]`;
  const letterButDot = `[^/.${others}]`;
  return `(/+(${letterButDot}${letter}*|[.]${letterButDot}${letter}*|[.][.]${letter}+))*/*`;
}

/** A directory of the nodes, if it is not empty. */
export const pathPrefix = new RegExp(`^${pathOf('')}$`);

const imageLetters = '[A-Za-z0-9._:/@+-]';

/** A pattern of images, in the letters that names of images have and at most nine `*`. */
export const imagePattern = new RegExp(`^${imageLetters}*([*][*]?${imageLetters}+){0,8}([*][*]?)?$`);

/** A pattern of namespaces. */
export const namespacePattern = /^[a-z0-9*]([a-z0-9*-]*[a-z0-9*])?$/;

const origin = String.raw`^https?://([A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])(:[0-9]+)?`;

/** The part of an address before its path, when it has no user, and a plain name or number of a host. */
export const addressOrigin = new RegExp(origin);

/** An address that every program reads in the same way: without a query, a backslash and `..` in its path, too. */
export const plainAddress = new RegExp(`${origin}${pathOf(String.raw`\\?#\x00-\x20`)}$`);

/** A regular expression as a schema has it (RE2): without the escape of slashes, which only JavaScript knows. */
export function sourceOf({ source }: RegExp): string {
  return source.replaceAll('\\/', '/');
}

/**
 * Whether a pattern of images or namespaces means a text: `*` is anything without a slash, `**` anything. A regular
 * expression would backtrack: a name that a user chooses could hold up the controller for minutes.
 */
export function matchesGlob(text: string, pattern: string): boolean {
  const parts = pattern.match(/\*\*|[^]/gu) ?? [];
  // Whether the first parts, as many as the index says, mean the text so far.
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
