import { RunError } from '../support/errors.ts';

/** An image's whole name; `version` is `:tag` or `@digest`. */
export type ImageReference = { readonly name: string; readonly version: string };

/**
 * The reference that the engine makes of an image's name (https://pkg.go.dev/github.com/distribution/reference):
 * `busybox` is docker.io/library/busybox:latest. Of a tag and a digest only the digest counts. Undefined for an
 * image's id, which says nothing about where it comes from.
 */
export function imageReference(image: string): ImageReference | undefined {
  if (/^(sha256:)?[0-9a-f]+$/.test(image)) return undefined;
  const { name, tag, digest } = splitImage(image);
  return { name: wholeName(name), version: digest ?? tag ?? ':latest' };
}

/**
 * True for an image that a pattern of the policy names. In a pattern `*` is anything without a slash and `**`
 * anything; one that ends with a slash means all below it; one without tag and digest means all of them.
 */
export function matchesImage(image: string, pattern: string): boolean {
  const reference = imageReference(image);
  if (reference === undefined) return false;
  const { name, tag, digest } = splitImage(pattern.replace(/\/$/, '/**'));
  const version = digest ?? tag;
  const isName = globOf(name.startsWith('**') ? name : wholeName(name)).test(reference.name);
  return isName && (version === undefined || globOf(version).test(reference.version));
}

/** The refusal of an image that the policy's list of images does not contain. */
export function refusedImage(
  image: string,
  { images }: { readonly images?: readonly string[] },
): RunError | undefined {
  if (images === undefined || images.some((pattern) => matchesImage(image, pattern))) return undefined;
  const reference = imageReference(image);
  const what =
    reference === undefined
      ? `${image}, an image's id, which does not say where it comes from`
      : `${reference.name}${reference.version}`;
  return new RunError('ImageNotAllowed', `spec.image: the policy does not allow ${what}`);
}

function splitImage(image: string): { name: string; tag?: string; digest?: string } {
  const [, name = image, tag, digest] = /^(.*?)(:[^/:@]*)?(@[^/@]*)?$/s.exec(image) ?? [];
  return { name, ...(tag === undefined ? {} : { tag }), ...(digest === undefined ? {} : { digest }) };
}

/** With the registry that the engine takes when the first part is none. */
function wholeName(name: string): string {
  const [first = '', ...rest] = name.split('/');
  const isRegistry = rest.length > 0 && (/[.:A-Z]/.test(first) || first === 'localhost');
  const registry = isRegistry ? first.replace(/^index\.docker\.io$/, 'docker.io') : 'docker.io';
  const path = isRegistry ? rest : [first, ...rest];
  const isOfficial = registry === 'docker.io' && path.length === 1 && path[0] !== '**';
  return [registry, ...(isOfficial ? ['library'] : []), ...path].join('/');
}

function globOf(pattern: string): RegExp {
  const source = pattern
    .split(/(\*\*|\*)/)
    .map((part) => (part === '**' ? '.*' : part === '*' ? '[^/]*' : part.replace(/[^\w/]/g, '\\$&')))
    .join('');
  return new RegExp(`^${source}$`);
}
