import { globOf } from './glob.ts';
import { dockerHub, imageId, imageRegistry, imageVersion } from './patterns.ts';

/** An image's whole name; `version` is `:tag` or `@digest`. */
export type ImageReference = { readonly name: string; readonly version: string };

/** A registry takes no longer name, nor tag or digest (https://pkg.go.dev/github.com/distribution/reference). */
const longest = 255;

/**
 * The reference that the engine makes of an image's name (https://pkg.go.dev/github.com/distribution/reference):
 * `busybox` is docker.io/library/busybox:latest. Of a tag and a digest only the digest counts. Undefined for an
 * image's id, which says nothing about where it comes from.
 */
export function imageReference(image: string): ImageReference | undefined {
  if (imageId.test(image)) return undefined;
  const { name, version } = splitImage(image);
  return { name: wholeName(name), version: version === '' ? ':latest' : version };
}

/**
 * True for an image that a pattern of the policy names. In a pattern `*` is anything without a slash and `**`
 * anything; one that ends with a slash means all below it; one without tag and digest means all of them.
 */
export function matchesImage(image: string, pattern: string): boolean {
  const reference = imageReference(image);
  if (reference === undefined || isTooLong(reference)) return false;
  const { name, version } = splitImage(pattern.replace(/\/$/, '/**'));
  const isName = globOf(name.startsWith('**') ? name : wholeName(name)).test(reference.name);
  return isName && (version === '' || globOf(version).test(reference.version));
}

function isTooLong({ name, version }: ImageReference): boolean {
  return Math.max(...[name, version].map((text) => [...text].length)) > longest;
}

function splitImage(image: string): { name: string; version: string } {
  const [suffix = '', tag = '', digest] = imageVersion.exec(image) ?? [];
  return { name: image.slice(0, image.length - suffix.length), version: digest ?? tag };
}

/** With the registry that the engine takes when the first part is none. */
function wholeName(name: string): string {
  if (imageRegistry.test(name) && !dockerHub.test(name)) return name;
  const path = name.replace(dockerHub, '');
  const isOfficial = !path.includes('/') && path !== '**';
  return `docker.io/${isOfficial ? 'library/' : ''}${path}`;
}
