import type { DockerRunSpec } from '../api/spec.ts';
import { RunError } from '../support/errors.ts';
import { matchesGlob } from './patterns.ts';
import type { Allowances } from './policy-schema.ts';

/** The refusal of an image that the policy's list of images does not contain. */
export function refusedImage({ image }: DockerRunSpec, { images }: Allowances): RunError | undefined {
  if (images === undefined || images.some((pattern) => matchesImage(image, pattern))) return undefined;
  const reference = imageReference(image);
  const what =
    reference === undefined
      ? `${image}, an image's id, which does not say where it comes from`
      : `${reference.name}${reference.version}`;
  return new RunError('ImageNotAllowed', `spec.image: the policy does not allow ${what}`);
}

/** An image's whole name; `version` is `:tag` or `@digest`. */
type ImageReference = { readonly name: string; readonly version: string };

/** In characters; no registry takes a longer name, tag or digest (https://pkg.go.dev/github.com/distribution/reference). */
const longest = 255;

/** An image's id, which does not say where the image comes from. */
const imageId = /^(sha256:)?[0-9a-f]+$/;

/** The tag and digest at the end of an image's name, as far as it has them. */
const imageVersion = /(:[^/:@]*)?(@[^/@]*)?$/;

/** The beginning of an image's name that is a registry. */
const imageRegistry = /^([^/]*[.:A-Z][^/]*|localhost)\//;

/** The registry that the engine takes when a name has none, in the two ways it is written. */
const dockerHub = /^(index\.)?docker\.io\//;

/**
 * The reference that the engine makes of an image's name (https://pkg.go.dev/github.com/distribution/reference):
 * `busybox` is docker.io/library/busybox:latest. Of a tag and a digest only the digest counts. Undefined for an image's id.
 */
export function imageReference(image: string): ImageReference | undefined {
  if (imageId.test(image)) return undefined;
  const { name, version } = splitImage(image);
  return { name: wholeName(name), version: version === '' ? ':latest' : version };
}

/**
 * True for an image that a pattern of the policy names. A pattern that ends with a slash means all below it; one
 * without tag and digest means all of them.
 */
export function matchesImage(image: string, pattern: string): boolean {
  const reference = imageReference(image);
  if (reference === undefined || isTooLong(reference)) return false;
  const { name, version } = splitImage(pattern.replace(/\/$/, '/**'));
  const isName = matchesGlob(reference.name, name.startsWith('**') ? name : wholeName(name));
  return isName && (version === '' || matchesGlob(reference.version, version));
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
