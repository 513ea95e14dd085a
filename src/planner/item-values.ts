import { boundsProblem, numberOf } from '../api/json-values.ts';
import type { ListedDocument } from '../girder/listed-documents.ts';

/** The file of an input that `item.file.id` and `item.file.name` stand for. */
export type FirstFile = { readonly id: string; readonly name: string };

export type ItemValues =
  | { readonly values: Readonly<Record<string, string>> }
  /** Why the input cannot run: a sentence. */
  | { readonly missing: string };

/** In characters: of one value (the schema's), and of all values of an input. */
const longest = { value: 4_096, all: 32 * 1024 } as const;

/** Of the metadata of an input that is read at all. */
export const metadataBounds = { depth: 16, bytes: 64 * 1024 } as const;

/** Why the metadata of an input is not read, in words that follow "its metadata". */
export function metadataProblem({ meta }: ListedDocument): string | undefined {
  return boundsProblem(meta, metadataBounds);
}

type Source = {
  readonly document: ListedDocument;
  /** Below the source, with the name of the input. */
  readonly path: string;
  readonly file: FirstFile | undefined;
};

const fileNames = new Set(['item.file.id', 'item.file.name']);
const metaPrefix = 'item.meta.';

export function usesFile(names: readonly string[]): boolean {
  return names.some((name) => fileNames.has(name));
}

export function usesMetadata(names: readonly string[]): boolean {
  return names.some((name) => name.startsWith(metaPrefix));
}

/** The values of the `$(item.…)` names that a template uses. */
export function valuesOf(names: readonly string[], source: Source): ItemValues {
  const values: Record<string, string> = {};
  let left = longest.all;
  for (const name of names) {
    const value = valueOf(name, source);
    if (value === undefined) return { missing: absence(name) };
    left -= value.length;
    if (value.length > longest.value)
      return { missing: `its $(${name}) has more than ${longest.value} characters` };
    if (left < 0) return { missing: `its values have more than ${longest.all} characters together` };
    values[name] = value;
  }
  return { values };
}

function absence(name: string): string {
  if (fileNames.has(name)) return `it has no file for $(${name})`;
  if (!name.startsWith(metaPrefix)) return `there is no $(${name})`;
  return `its metadata has no text, number or boolean ${name.slice(metaPrefix.length)} for $(${name})`;
}

function valueOf(name: string, { document, path, file }: Source): string | undefined {
  switch (name) {
    case 'item.id':
      return document._id;
    case 'item.name':
      return document.name;
    case 'item.path':
      return path;
    case 'item.size':
      return document.size?.toString();
    case 'item.folderId':
      return document.parentId;
    case 'item.file.id':
      return file?.id;
    case 'item.file.name':
      return file?.name;
    default:
      return name.startsWith(metaPrefix) ? metaValue(document, name.slice(metaPrefix.length)) : undefined;
  }
}

function metaValue({ meta }: ListedDocument, key: string): string | undefined {
  const value = Object.hasOwn(meta, key) ? meta[key] : undefined;
  if (typeof value === 'string') return value;
  return typeof value === 'boolean' ? String(value) : numberOf(value)?.toString();
}
