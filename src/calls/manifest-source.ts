import type { NamedValue, SecretKeyReference } from '../api/fields.ts';
import type { CallSource, TextPiece } from './call-source.ts';
import { Refusal } from './refusal.ts';

/**
 * How a key of a Secret stands in a text of a call. No argument, variable or header can have a NUL byte, so that no
 * other text is taken for one.
 */
export function secretMarker({ name, key }: SecretKeyReference): string {
  return `\0${name}\0${key}\0`;
}

const marker = /(\0[^\0]+\0[^\0]+\0)/;

export type ManifestGirder = { readonly apiUrl: string; readonly credentials: string };

export type ManifestSettings = {
  /** The Girder of the run; undefined where the call does not say it. */
  readonly girder: ManifestGirder | undefined;
  /** The Secret for the headers of streams; undefined where they may be in the manifest. */
  readonly headerSecret: string | undefined;
};

/** The source of a call that somebody writes down: what is secret is in Secrets of the namespace already. */
export class ManifestSource implements CallSource {
  readonly #settings: ManifestSettings;
  /** Whether an object reads or writes data of Girder. */
  usesGirder = false;
  /** The keys that `headerSecret` has to have. */
  readonly headerKeys: string[] = [];

  constructor(settings: ManifestSettings) {
    this.#settings = settings;
  }

  useGirder(): void {
    this.usesGirder = true;
  }

  targetApiUrl(): string {
    return this.#girder('GirderApiUrl').apiUrl;
  }

  targetToken(): string {
    return secretMarker({ name: this.#girder('GirderToken').credentials, key: 'token' });
  }

  nodePathOf(): undefined {
    return undefined;
  }

  pieces(text: string): TextPiece[] {
    const pieces = text.split(marker).map((piece, index) => ({ text: piece, isToken: index % 2 === 1 }));
    const given = pieces.filter((piece) => piece.text !== '');
    return given.length === 0 ? [{ text, isToken: false }] : given;
  }

  secretKey(text: string): SecretKeyReference {
    const [, name = '', key = ''] = text.split('\0');
    return { name, key };
  }

  headerValue(text: string, key: string): Omit<NamedValue, 'name'> {
    const [piece, ...others] = this.pieces(text);
    if (piece?.isToken === true && others.length === 0)
      return { valueFrom: { secretKeyRef: this.secretKey(piece.text) } };
    const { headerSecret: name } = this.#settings;
    if (name === undefined) return { value: text };
    this.headerKeys.push(key);
    return { valueFrom: { secretKeyRef: { name, key } } };
  }

  #girder(what: string): ManifestGirder {
    const { girder } = this.#settings;
    if (girder !== undefined) return girder;
    throw new Refusal(`${what} needs the Girder of the run (girder)`);
  }
}
