/** What YAML takes for the end of a line, or does not take at all, though it may stand in JSON as it is. */
const unlikeInYaml = /[\u007f-\u009f\u2028\u2029\ufeff\ufffe\uffff]/g;

/**
 * The body of a server-side apply. Its only text form is YAML, of which JSON is a part but for some characters
 * (https://yaml.org/spec/1.2.2/#51-character-set): these are escaped. Half of a character outside of the Basic
 * Multilingual Plane, which neither can say, becomes U+FFFD, as the API server does with it in JSON.
 */
export function applyBody(object: unknown): string {
  const text = JSON.stringify(object, (_, value: unknown) =>
    typeof value === 'string' ? value.toWellFormed() : value,
  );
  return text.replace(
    unlikeInYaml,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
