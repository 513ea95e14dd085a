import { celPattern, celTuple } from '../cel-text.ts';
import { celMatchesGlob, globOf } from './glob.ts';
import { dockerHub, imageId, imageRegistry, imageVersion } from './patterns.ts';

/** The rule about images, for the controller and, below, in CEL for the API server. */

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

/** In CEL, {@link splitImage}: the name of an image. */
export function celImageName(image: string): string {
  return `${image}.substring(0, ${image}.size() - ${image}.find(${celPattern(imageVersion)}).size())`;
}

/** In CEL, {@link splitImage}: the version of an image, empty if it has none. */
export function celImageVersion(image: string): string {
  const suffix = `${image}.find(${celPattern(imageVersion)})`;
  return `(${suffix}.contains('@') ? ${suffix}.substring(${suffix}.indexOf('@')) : ${suffix})`;
}

/** In CEL, {@link wholeName}. */
export function celWholeName(name: string): string {
  const hub = celPattern(dockerHub);
  const path = `${name}.substring(${name}.find(${hub}).size())`;
  const official = `(${path}.contains('/') || ${path} == '**' ? '' : 'library/')`;
  const isElsewhere = `${name}.matches(${celPattern(imageRegistry)}) && !${name}.matches(${hub})`;
  return `(${isElsewhere} ? ${name} : 'docker.io/' + ${official} + ${path})`;
}

/** In CEL, the patterns of a list as [name, version], as {@link matchesImage} compares them. */
export function celImagePatterns(patterns: string): string {
  const split = celTuple(celImageName('image'), celImageVersion('image'));
  const whole = `image[0].startsWith('**') ? image[0] : ${celWholeName('image[0]')}`;
  return `${patterns}.map(image, image.endsWith('/') ? image + '**' : image).map(image, ${split}).map(image, ${celTuple(whole, 'image[1]')})`;
}

/** In CEL, {@link matchesImage} of a reference (its name and version) and one of {@link celImagePatterns}. */
export function celMatchesImage(name: string, version: string, pattern: string): string {
  const isName = celMatchesGlob(name, `${pattern}[0]`);
  const isVersion = `(${pattern}[1] == '' || ${celMatchesGlob(version, `${pattern}[1]`)})`;
  return `${name}.size() <= ${longest} && ${version}.size() <= ${longest} && ${isName} && ${isVersion}`;
}
