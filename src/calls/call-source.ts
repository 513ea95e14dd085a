import type { NamedValue } from '../api/fields.ts';
import type { PyObject } from './python-value.ts';

/** A part of a text: one that is secret, or what is between two of them. */
export type TextPiece = { readonly text: string; readonly isToken: boolean };

/** What a call refers to and does not have in it: Girder, secret texts, the disks of nodes. */
export type CallSource = {
  /** The object reads or writes data of Girder. @throws Refusal if the run could not */
  useGirder(object: PyObject): void;
  /** The address of Girder as targets reach it, for an argument that is it. */
  targetApiUrl(object: PyObject): string;
  /** The token that a target gets as an argument; `pieces` finds it in a text. */
  targetToken(object: PyObject): string;
  /** Where the nodes have a file that is at this path of Girder's own disk; undefined where they do not have it. */
  nodePathOf(path: string): string | undefined;
  /** The pieces of a text; of a text without secrets the only one is the text. */
  pieces(text: string): readonly TextPiece[];
  /** The key of a Secret that holds a secret text; `key` is the name that it has unless it is taken. */
  secretKey(text: string, key: string): { readonly name: string; readonly key: string };
  /** The value of a header of a stream's request; `key` as above. */
  headerValue(text: string, key: string): Omit<NamedValue, 'name'>;
};
