/** What is wrong with the keys of an item's metadata, as a part of a sentence; Girder looks only at the outermost. */
export function metadataKeyProblem(metadata: Readonly<Record<string, unknown>> = {}): string | undefined {
  const strange = Object.keys(metadata).find((key) => key === '' || key.includes('.') || key.startsWith('$'));
  if (strange === undefined) return undefined;
  return `it has the key ${JSON.stringify(strange)}, but Girder takes no key that is empty, has a "." or begins with "$"`;
}
