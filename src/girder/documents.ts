/** A file of Girder, as much of it as is used; a file that is only a link to elsewhere may have no size. */
export type GirderFile = {
  readonly _id: string;
  readonly name: string;
  readonly size: number | undefined;
  readonly itemId: string | undefined;
  readonly mimeType: string | undefined;
  /** Changes whenever the contents are replaced. */
  readonly created: string | undefined;
  /** Only told by a Girder that has the plugin hashsum_download. */
  readonly sha512: string | undefined;
};

/** An item or a folder, as much of it as is used. */
export type NamedDocument = { readonly _id: string; readonly name: string };

/** What tells who may write to an item or a folder: a level of Girder's AccessType, or the folder of an item. */
export type DocumentAccess = {
  readonly accessLevel: number | undefined;
  readonly folderId: string | undefined;
};

/** An upload that Girder expects the rest of. */
export type GirderUpload = { readonly _id: string; readonly received: number; readonly size: number };

/** What an API key was exchanged for. */
export type GirderToken = { readonly token: string };

/** An answer that does not have the shape of Girder's documents; `message` names the field. */
export class UnexpectedAnswer extends Error {
  override readonly name = 'UnexpectedAnswer';
}

/** The file that an answer of Girder holds. @throws UnexpectedAnswer */
export function parseFile(value: unknown): GirderFile {
  const document = object(value, 'file');
  return {
    _id: text(document, '_id'),
    name: text(document, 'name'),
    size: optional(document, 'size', wholeNumber),
    itemId: optional(document, 'itemId', text),
    mimeType: optional(document, 'mimeType', text),
    created: optional(document, 'created', text),
    sha512: optional(document, 'sha512', text),
  };
}

/** The files that an answer of Girder holds. @throws UnexpectedAnswer */
export function parseFiles(value: unknown): GirderFile[] {
  if (!Array.isArray(value)) throw new UnexpectedAnswer('a list of files was expected');
  return value.map(parseFile);
}

/** The item or folder that an answer of Girder holds. @throws UnexpectedAnswer */
export function parseNamed(value: unknown): NamedDocument {
  const document = object(value, 'item or folder');
  return { _id: text(document, '_id'), name: text(document, 'name') };
}

/** The items or folders that an answer of Girder holds. @throws UnexpectedAnswer */
export function parseNamedList(value: unknown): NamedDocument[] {
  if (!Array.isArray(value)) throw new UnexpectedAnswer('a list of items or folders was expected');
  return value.map(parseNamed);
}

/** A level that is no number tells nothing: a document without one can still be written to. */
export function parseAccess(value: unknown): DocumentAccess {
  const { _accessLevel: level, folderId } = object(value, 'item or folder');
  return {
    accessLevel: typeof level === 'number' ? level : undefined,
    folderId: typeof folderId === 'string' ? folderId : undefined,
  };
}

/** A request for an upload, or a part of one, answers with the upload, or with the file once that is complete. */
export function parseFileOrUpload(value: unknown): { file: GirderFile } | { upload: GirderUpload } {
  const document = object(value, 'file or upload');
  if (!('received' in document)) return { file: parseFile(value) };
  const received = wholeNumber(document, 'received');
  return { upload: { _id: text(document, '_id'), received, size: wholeNumber(document, 'size') } };
}

/** How many bytes of an upload Girder has. @throws UnexpectedAnswer */
export function parseOffset(value: unknown): number {
  return wholeNumber(object(value, 'offset'), 'offset');
}

/** What Girder gave for an API key. @throws UnexpectedAnswer */
export function parseToken(value: unknown): GirderToken {
  const { authToken } = object(value, 'token');
  return { token: text(object(authToken, 'authToken'), 'token') };
}

/** For answers that tell nothing beyond their success. */
export function parseNothing(): void {
  return undefined;
}

type Document = Readonly<Record<string, unknown>>;

function object(value: unknown, what: string): Document {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value };
  throw new UnexpectedAnswer(`a ${what} was expected`);
}

function text(document: Document, name: string): string {
  const value = document[name];
  if (typeof value === 'string') return value;
  throw new UnexpectedAnswer(`its field ${name} is not a text`);
}

function wholeNumber(document: Document, name: string): number {
  const value = document[name];
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
  throw new UnexpectedAnswer(`its field ${name} is not a whole number`);
}

function optional<T>(
  document: Document,
  name: string,
  parse: (document: Document, name: string) => T,
): T | undefined {
  const value = document[name];
  return value === undefined || value === null ? undefined : parse(document, name);
}
