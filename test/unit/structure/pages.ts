import { globSync, readFileSync } from 'node:fs';

/** What the tests need of a Markdown page; fenced blocks are left out everywhere. */
export type Page = {
  readonly path: string;
  readonly lines: readonly string[];
  /** The cells of every table row, with the header rows and without the lines below them. */
  readonly rows: readonly (readonly string[])[];
  readonly codeSpans: readonly string[];
  /** The targets of links and images, as written. */
  readonly links: readonly string[];
  /** Anchors of the headings, as GitHub forms them: what a link can have after its `#`. */
  readonly anchors: readonly string[];
};

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
