import { boundsProblem, defined, type JsonBounds } from '../api/json-values.ts';

/** The fields of a file that are used. */
export type GirderFile = {
  readonly _id: string;
  readonly name: string;
  readonly size: number | undefined;
  /** True for a file that is only a link to a URL: it may have no size, and Girder cannot replace its contents. */
  readonly isLink: boolean;
  readonly itemId: string | undefined;
  readonly mimeType: string | undefined;
  /** Changes whenever the contents are replaced. */
  readonly created: string | undefined;
  /** Only with Girder's plugin hashsum_download. */
  readonly sha512: string | undefined;
};

/** The fields of an item or a folder that are used. */
export type NamedDocument = { readonly _id: string; readonly name: string };

/** An item of a list; `size` is the bytes of all its files, as far as Girder keeps count. */
export type ItemDocument = NamedDocument & { readonly size: number | undefined };

/**
 * The user's access to an item or a folder: a level of Girder's AccessType, or the folder that has it for an
 * item.
 */
export type DocumentAccess = {
  readonly accessLevel: number | undefined;
  readonly folderId: string | undefined;
};

/** An unfinished upload; `received` and `size` are bytes. */
export type GirderUpload = {
  readonly _id: string;
  readonly received: number;
  readonly size: number;
  readonly s3?: S3Upload;
};

/** How an S3 assetstore takes an upload: in several parts, or in one request; up to `chunkLength` bytes in one. */
export type S3Upload = { readonly isChunked: boolean; readonly chunkLength: number | undefined };

export type GirderToken = { readonly token: string };

/** A response that does not have the shape of Girder's documents; `message` names the field. */
export class UnexpectedResponse extends Error {
  override readonly name = 'UnexpectedResponse';
}

/** @throws UnexpectedResponse, as all parsers here */
export function parseFile(value: unknown): GirderFile {
  const document = object(value, 'file');
  return {
    _id: text(document, '_id'),
    name: text(document, 'name'),
    size: optional(document, 'size', wholeNumber),
    isLink: typeof document['linkUrl'] === 'string',
    itemId: optional(document, 'itemId', text),
    mimeType: optional(document, 'mimeType', text),
    created: optional(document, 'created', text),
    sha512: optional(document, 'sha512', text),
  };
}

export function parseFiles(value: unknown): GirderFile[] {
  if (!Array.isArray(value)) throw new UnexpectedResponse('expected a list of files');
  return value.map(parseFile);
}

export function parseNamed(value: unknown): NamedDocument {
  const document = object(value, 'item or folder');
  return { _id: text(document, '_id'), name: text(document, 'name') };
}

export function parseNamedList(value: unknown): NamedDocument[] {
  if (!Array.isArray(value)) throw new UnexpectedResponse('expected a list of items or folders');
  return value.map(parseNamed);
}

export function parseItemList(value: unknown): ItemDocument[] {
  if (!Array.isArray(value)) throw new UnexpectedResponse('expected a list of items');
  return value.map(parseItem);
}

export function parseItem(value: unknown): ItemDocument {
  const { size } = object(value, 'item');
  return { ...parseNamed(value), size: Number.isSafeInteger(size) ? Number(size) : undefined };
}

/** As deep as MongoDB nests a document (100), and as large as a document of Girder may be. */
export const metadataBounds = { depth: 100, bytes: 16 * 1024 * 1024 } as const satisfies JsonBounds;

/** The metadata of an item or a folder, which is empty if it has none. */
export function parseMetadata(value: unknown): Readonly<Record<string, unknown>> {
  const { meta } = object(value, 'item or folder');
  if (meta === undefined || meta === null) return {};
  const metadata = object(meta, 'metadata object');
  const problem = boundsProblem(metadata, metadataBounds);
  if (problem !== undefined) throw new UnexpectedResponse(`its field meta ${problem}`);
  return metadata;
}

/** How many items and folders are directly in a folder; only those that the user may read count. */
export type FolderCounts = { readonly items: number; readonly folders: number };

export function parseCounts(value: unknown): FolderCounts {
  const document = object(value, "folder's details");
  return { items: wholeNumber(document, 'nItems'), folders: wholeNumber(document, 'nFolders') };
}

/** A missing level means that the access is unknown, not that there is none. */
export function parseAccess(value: unknown): DocumentAccess {
  const { _accessLevel: level, folderId } = object(value, 'item or folder');
  return {
    accessLevel: typeof level === 'number' ? level : undefined,
    folderId: typeof folderId === 'string' ? folderId : undefined,
  };
}

/** What a path can lead to. */
export type ResourceKind = 'user' | 'collection' | 'folder' | 'item' | 'file';

/** A document of any kind that a path leads to; `parentId` and `parentKind` are those of a folder. */
export type Resource = DocumentAccess & {
  readonly _id: string;
  readonly kind: ResourceKind;
  readonly name: string;
  readonly itemId: string | undefined;
  readonly parentId: string | undefined;
  readonly parentKind: string | undefined;
};

export function parseResource(value: unknown): Resource {
  const document = object(value, 'document');
  return {
    ...parseAccess(value),
    _id: text(document, '_id'),
    kind: kindOf(document),
    // A user has only a login.
    name: optional(document, 'name', text) ?? optional(document, 'login', text) ?? '',
    itemId: optional(document, 'itemId', text),
    parentId: optional(document, 'parentId', text),
    parentKind: optional(document, 'parentCollection', text),
  };
}

/** By the fields that only one kind has: not every Girder returns the kind. */
function kindOf(document: Document): ResourceKind {
  if ('parentCollection' in document) return 'folder';
  if ('folderId' in document) return 'item';
  if ('itemId' in document) return 'file';
  return 'login' in document ? 'user' : 'collection';
}

/** Girder returns the upload for a chunk, and the file for the one that completes it. */
export function parseFileOrUpload(value: unknown): { file: GirderFile } | { upload: GirderUpload } {
  const document = object(value, 'file or upload');
  if (!('received' in document)) return { file: parseFile(value) };
  const received = wholeNumber(document, 'received');
  const size = wholeNumber(document, 'size');
  const s3 = optional(document, 's3', parseS3Upload);
  return { upload: { _id: text(document, '_id'), received, size, ...defined({ s3 }) } };
}

function parseS3Upload(parent: Document, name: string): S3Upload {
  const document = object(parent[name], 's3');
  return {
    isChunked: document['chunked'] === true,
    chunkLength: optional(document, 'chunkLength', wholeNumber),
  };
}

/** How many bytes of an upload Girder has. */
export function parseOffset(value: unknown): number {
  return wholeNumber(object(value, 'offset'), 'offset');
}

/** The token of a session that was created from an API key. */
export function parseToken(value: unknown): GirderToken {
  const { authToken } = object(value, 'token');
  const token = text(object(authToken, 'authToken'), 'token');
  if (/^[\x21-\x7e]{1,4096}$/.test(token)) return { token };
  throw new UnexpectedResponse('its field token cannot be a token');
}

/** What Girder knows of a token; a field that this Girder does not report is undefined. */
export type TokenState = {
  readonly scopes: readonly string[] | undefined;
  /** Milliseconds since 1970. */
  readonly expires: number | undefined;
};

/** Undefined for a token that Girder does not know: it then returns null. */
export function parseTokenState(value: unknown): TokenState | undefined {
  if (value === null) return undefined;
  const { scope, expires } = object(value, 'token');
  const end = typeof expires === 'string' ? Date.parse(expires) : Number.NaN;
  return {
    scopes: Array.isArray(scope) ? scope.map(String) : undefined,
    expires: Number.isNaN(end) ? undefined : end,
  };
}

/** For responses of which only the success counts. */
export function ignoreBody(): void {
  return undefined;
}

type Document = Readonly<Record<string, unknown>>;

function object(value: unknown, what: string): Document {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value };
  throw new UnexpectedResponse(`expected a ${what}`);
}

function text(document: Document, name: string): string {
  const value = document[name];
  if (typeof value === 'string') return value;
  throw new UnexpectedResponse(`its field ${name} is not a string`);
}

function wholeNumber(document: Document, name: string): number {
  const value = document[name];
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
  throw new UnexpectedResponse(`its field ${name} is not a whole number`);
}

function optional<T>(
  document: Document,
  name: string,
  parse: (document: Document, name: string) => T,
): T | undefined {
  const value = document[name];
  return value === undefined || value === null ? undefined : parse(document, name);
}
