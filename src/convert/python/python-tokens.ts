/** A token of Python's text. `start` and `end` are offsets in it; lines count from 1. */
export type Token = {
  readonly kind: 'name' | 'number' | 'string' | 'operator';
  readonly text: string;
  readonly line: number;
  readonly start: number;
  readonly end: number;
};

/** One statement on one line, joined lines included; of a compound statement its header. */
export type LogicalLine = {
  /** In columns; a tab ends at the next multiple of 8, as in Python. */
  readonly indent: number;
  readonly tokens: readonly Token[];
};

/** What of a program is read; an honest plugin has a few hundred lines. */
export const programBounds = {
  /** Of its text, in characters. */
  characters: 2 ** 20,
  /** How deep brackets may be nested. */
  depth: 64,
} as const;

/** Why a program cannot be read, with the line. */
export class SyntaxProblem extends Error {
  readonly line: number;

  constructor(line: number, message: string) {
    super(message);
    this.line = line;
  }
}
