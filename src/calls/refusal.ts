import { dockerRunSpec } from '../api/spec.ts';

/** Why a message cannot become a DockerRun, and what to do: one sentence, which its Girder job shows. */
export class Refusal extends Error {}

/** In characters; a name or value of a stranger is repeated up to this length. */
const longestQuote = 120;

/** A name that a stranger chose, as it stands in a sentence: one short line in quotes. */
export function quote(text: string): string {
  const line = text.slice(0, longestQuote + 1).replace(/[\p{C}\p{Zl}\p{Zp}]/gu, '?');
  return JSON.stringify(line.length <= longestQuote ? line : `${line.slice(0, longestQuote)}…`);
}

/** How many elements a list of the spec may have; checked early, so that no message makes far more of them. */
export function mostOf(list: 'args' | 'transforms' | 'volumes'): number {
  const { maxItems } = dockerRunSpec.properties[list] as { readonly maxItems?: number };
  return maxItems ?? 0;
}
