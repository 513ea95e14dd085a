import { type ScalarTag, parseAllDocuments } from 'yaml';
import { UsageError } from './usage-error.ts';

/** Tags of YAML 1.1 that kubectl's parser leaves as texts: 2026-01-01 and 12:30. */
function isLeftAsText({ tag, format }: { tag: string; format?: string }): boolean {
  return tag.endsWith(':timestamp') || format === 'TIME';
}

/** What kubectl's parser takes over from YAML 1.2. */
const newerOctal: ScalarTag = {
  tag: 'tag:yaml.org,2002:int',
  default: true,
  test: /^[-+]?0o[0-7]+$/,
  resolve: (text) => parseInt(text.replace('0o', ''), 8),
};

/**
 * The documents of a YAML or JSON text, read as kubectl reads it (YAML 1.1: `yes` is true, 0644 is octal), so that
 * a file means here what it means in the cluster. Empty documents are left out.
 * @param where the name of the text in messages
 */
export function parseDocuments(text: string, where: string): unknown[] {
  const documents = parseAllDocuments(text, {
    version: '1.1',
    customTags: (tags) => [
      ...tags.filter((tag) => typeof tag === 'string' || !isLeftAsText(tag)),
      newerOctal,
    ],
  });
  return [...documents].flatMap((document) => {
    const [error] = document.errors;
    if (error !== undefined) throw new UsageError(`${where}: ${firstLine(error.message)}`);
    const value = valueOf(() => document.toJS() as unknown, where);
    return value === null || value === undefined ? [] : [value];
  });
}

/** Aliases are resolved only here, and may be unknown or far too many. */
function valueOf(read: () => unknown, where: string): unknown {
  try {
    return read();
  } catch (error) {
    throw new UsageError(`${where}: ${error instanceof Error ? firstLine(error.message) : String(error)}`);
  }
}

function firstLine(message: string): string {
  return (message.split('\n')[0] ?? '').replace(/:$/, '');
}
