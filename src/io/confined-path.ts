/** Why a path inside a root could not be used. */
export type ConfinedPathProblem = 'invalid' | 'missing' | 'unsafe' | 'exists';

/** A path that would leave its root, is not what it should be, or is taken; `message` is for the user. */
export class ConfinedPathError extends Error {
  override readonly name = 'ConfinedPathError';
  readonly problem: ConfinedPathProblem;

  constructor(problem: ConfinedPathProblem, message: string) {
    super(message);
    this.problem = problem;
  }
}

/** Splits a relative path into its segments, and refuses every path that is not plainly below its root. */
export function pathSegments(relativePath: string): string[] {
  const segments = relativePath.split('/');
  if (relativePath.includes('\0')) throw invalid(relativePath, 'contains a NUL character');
  if (segments[0] === '') throw invalid(relativePath, relativePath === '' ? 'is empty' : 'is absolute');
  for (const segment of segments) {
    if (segment === '') throw invalid(relativePath, 'has an empty segment');
    if (segment === '.' || segment === '..') throw invalid(relativePath, `contains "${segment}"`);
    if (Buffer.byteLength(segment) > 255) throw invalid(relativePath, 'has a segment of more than 255 bytes');
  }
  return segments;
}

function invalid(relativePath: string, why: string): ConfinedPathError {
  return new ConfinedPathError('invalid', `The path ${JSON.stringify(relativePath)} ${why}`);
}
