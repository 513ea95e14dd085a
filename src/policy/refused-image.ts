import { imageReference, matchesImage } from './allowed-images.ts';
import { RunError } from '../support/errors.ts';

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
