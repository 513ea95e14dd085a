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

/** An image's id, which says nothing about where the image comes from. */
export const imageId = /^(sha256:)?[0-9a-f]+$/;

/** The tag and digest at the end of an image's name, as far as it has them. */
export const imageVersion = /(:[^/:@]*)?(@[^/@]*)?$/;

/** The beginning of an image's name that says a registry. */
export const imageRegistry = /^([^/]*[.:A-Z][^/]*|localhost)\//;

/** The registry that the engine takes when a name says none, in the two ways it is written. */
export const dockerHub = /^(index\.)?docker\.io\//;

/** The slashes at the end of an address. */
export const lastSlashes = /\/+$/;

/** An address without query and fragment. */
export const beforeQuery = /^[^?#]*/;

const origin = String.raw`^https?://([A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])(:[0-9]+)?`;

/** The part of an address before its path, when it has no user, and a plain name or number of a host. */
export const addressOrigin = new RegExp(origin);

/** An address that everybody reads in the same way: without a query, a backslash and `..` in its path, too. */
export const plainAddress = new RegExp(`${origin}${pathOf(String.raw`\\?#\x00-\x20`)}$`);

/** Dots and slashes that are encoded, which some servers decode before they resolve `..`. */
export const encodedDots = /%(2[eEfF]|5[cC])/;

/** A regular expression as a schema has it: without the escape of slashes, which only JavaScript knows. */
export function sourceOf({ source }: RegExp): string {
  return source.replaceAll('\\/', '/');
}
