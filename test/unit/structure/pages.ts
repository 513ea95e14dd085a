import { globSync, readFileSync } from 'node:fs';
import { headingAnchor } from '../../../scripts/site/heading-anchors.ts';

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

/** A code that has a backtick is between two of them. */
const codeSpan = /(?<!`)(`+)(?!`)([^]*?[^`])\1(?!`)/g;

export function readPage(path: string): Page {
  const text = readFileSync(path, 'utf8').replaceAll(/^( *)```[^]*?^\1```$/gm, '');
  const lines = text.split('\n');
  const headings = lines.flatMap((line) => /^#+ (.*)/.exec(line)?.[1] ?? []);
  return {
    path,
    lines,
    rows: lines.filter((line) => line.startsWith('|') && !/^[|: -]+$/.test(line)).map(cellsOf),
    codeSpans: [...text.matchAll(codeSpan)].map(([, , code = '']) => code.trim()),
    links: [...text.replaceAll(codeSpan, '').matchAll(/\]\(([^)\s]+)\)/g)].map(([, to = '']) => to),
    anchors: headings.map(headingAnchor),
  };
}

function cellsOf(line: string): string[] {
  return line
    .split(/(?<!\\)\|/)
    .slice(1, -1)
    .map((cell) => cell.trim());
}
