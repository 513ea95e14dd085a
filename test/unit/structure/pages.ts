import { globSync, readFileSync } from 'node:fs';

/** A Markdown page, read so far as the tests need it. Fenced blocks are in none of its parts. */
export type Page = {
  readonly path: string;
  readonly lines: readonly string[];
  /** The cells of every table's rows, heads included, without the rules below the heads. */
  readonly rows: readonly (readonly string[])[];
  readonly codeSpans: readonly string[];
  /** The targets of links and images, as they are written. */
  readonly links: readonly string[];
  /** What a link can have after its `#`: headings as GitHub makes anchors of them. */
  readonly anchors: readonly string[];
};

/** Every page of the project. */
export function readPages(): Page[] {
  const paths = globSync(['*.md', '.github/*.md', '{bench,deploy,docs,examples,scripts,src,test}/**/*.md']);
  return paths.toSorted().map(readPage);
}

export function readPage(path: string): Page {
  const text = readFileSync(path, 'utf8').replaceAll(/^( *)```[^]*?^\1```$/gm, '');
  const lines = text.split('\n');
  const headings = lines.flatMap((line) => /^#+ (.*)/.exec(line)?.[1] ?? []);
  return {
    path,
    lines,
    rows: lines.filter((line) => line.startsWith('|') && !/^[|: -]+$/.test(line)).map(cellsOf),
    codeSpans: [...text.matchAll(/`([^`]+)`/g)].map(([, code = '']) => code),
    links: [...text.replaceAll(/`[^`]*`/g, '').matchAll(/\]\(([^)\s]+)\)/g)].map(([, to = '']) => to),
    anchors: headings.map(anchorOf),
  };
}

function cellsOf(line: string): string[] {
  return line
    .split(/(?<!\\)\|/)
    .slice(1, -1)
    .map((cell) => cell.trim());
}

function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-');
}
