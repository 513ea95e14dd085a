import type { DockerRunSpec } from '../api/spec.ts';
import { RunError } from '../support/errors.ts';
import { matchesGlob } from './patterns.ts';
import type { Allowances } from './policy-schema.ts';

export function refusedImage({ image }: DockerRunSpec, { images }: Allowances): RunError | undefined {
  if (images === undefined || images.some((pattern) => matchesImage(image, pattern))) return undefined;
  const reference = imageReference(image);
  const what =
    reference === undefined
      ? `the image ID ${image}, which does not identify a registry`
      : `${reference.name}${reference.version}`;
  return new RunError('ImageNotAllowed', `spec.image: the policy does not allow ${what}`);
}

/** `name` is the full name with the registry, `version` is `:tag` or `@digest`. */
type ImageReference = { readonly name: string; readonly version: string };

/**
 * In characters: the limit of a name (https://pkg.go.dev/github.com/distribution/reference); tags and digests
 * are shorter.
 */
const longestPart = 255;

/** An image ID does not identify a registry. */
const imageId = /^(sha256:)?[0-9a-f]+$/;

/** The optional tag and digest at the end of an image's name. */
const imageVersion = /(:[^/:@]*)?(@[^/@]*)?$/;

/** The first component is a registry if it has a dot, a colon or a capital letter, or is localhost. */
const imageRegistry = /^((?=[^/]*[.:A-Z])[^/]*|localhost)\//;

/** The default registry, in both spellings. */
const dockerHub = /^(index\.)?docker\.io\//;

/**
 * Normalizes a name as the engine does (https://pkg.go.dev/github.com/distribution/reference): `busybox`
 * becomes docker.io/library/busybox:latest, and a digest overrides a tag. Undefined for an image ID.
 */
export function imageReference(image: string): ImageReference | undefined {
  if (imageId.test(image)) return undefined;
  const { name, version } = splitImage(image);
  return { name: fullName(name), version: version === '' ? ':latest' : version };
}

/**
 * A pattern that ends with a slash matches all images below it. A pattern without a tag and a digest matches
 * all tags and digests.
 */
export function matchesImage(image: string, pattern: string): boolean {
  const reference = imageReference(image);
  if (reference === undefined || isTooLong(reference)) return false;
  const { name, version } = splitImage(pattern.replace(/\/$/, '/**'));
  const isName = matchesGlob(reference.name, name.startsWith('**') ? name : fullName(name));
  return isName && (version === '' || matchesGlob(reference.version, version));
}

function isTooLong({ name, version }: ImageReference): boolean {
  return Math.max(...[name, version].map((text) => [...text].length)) > longestPart;
}

function splitImage(image: string): { name: string; version: string } {
  const [suffix = '', tag = '', digest] = imageVersion.exec(image) ?? [];
  return { name: image.slice(0, image.length - suffix.length), version: digest ?? tag };
}

/** Adds the default registry if the first component is not a registry. */
function fullName(name: string): string {
  if (imageRegistry.test(name) && !dockerHub.test(name)) return name;
  const path = name.replace(dockerHub, '');
  const isOfficial = !path.includes('/') && path !== '**';
  return `docker.io/${isOfficial ? 'library/' : ''}${path}`;
}
