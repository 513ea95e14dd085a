/** A path of any length without `.` and `..`, made of characters other than some. */
function pathOf(others: string): string {
  const letter = `[^/${others}]`;
  const letterButDot = `[^/.${others}]`;
  return `(/+(${letterButDot}${letter}*|[.]${letterButDot}${letter}*|[.][.]${letter}+))*/*`;
}

/** A directory of the nodes, if it is not empty. */
export const pathPrefix = new RegExp(`^${pathOf('')}$`);

const imageLetters = '[A-Za-z0-9._:/@+-]';

/** A pattern of images, in the letters that names of images have; with at most nine `*`, so that a comparison is short. */
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

/** The regular expression of a pattern of images or namespaces: `*` is anything without a slash, `**` anything. */
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
