import { posix } from 'node:path';
import { type Anchor, escapeHtml } from './page-renderer.ts';
import type { OutlineSection } from './site-outline.ts';

/** What is around the content of a page. */
export type LayoutParts = {
  readonly title: string;
  readonly html: string;
  readonly anchors: readonly Anchor[];
  /** The file of the page below the folder of the site. */
  readonly file: string;
  /** The source of the page in the tree. */
  readonly path: string;
  readonly version: string;
  readonly sections: readonly OutlineSection[];
  /** The file of a page of the outline, below the folder of the site. */
  readonly fileOf: (path: string) => string;
};

/** A page with fewer sections shows no list of them. */
const listedSections = 4;

/**
 * A whole page. All addresses are relative, so that the site works in any folder of a server and from a disk. The
 * navigation comes after the content, where a phone shows it; a wide screen has it at the side.
 */
export function layOut(parts: LayoutParts): string {
  const { title, html, file, path, version } = parts;
  const root = relativeAddress(file, '.');
  const name = title === 'DockerRun' ? title : `${title} · DockerRun`;
  return `<!doctype html>
<html lang="en" data-root="${root}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${escapeHtml(name)}</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="${root}/site.css">
<script src="${root}/search.js" defer></script>
</head>
<body>
<a class="skip" href="#content">Skip to the content</a>
<header>
<a class="home" href="${root}/index.html">DockerRun</a>
<a class="contents" href="#navigation">Contents</a>
<div class="search" hidden>
<input type="search" id="search" placeholder="Search headings, fields, reasons" aria-label="Search" autocomplete="off" role="combobox" aria-expanded="false" aria-controls="found" aria-autocomplete="list">
<ul id="found" role="listbox" aria-label="Search results" hidden></ul>
</div>
</header>
<div class="columns">
<main id="content">
${sectionList(parts)}${html}<footer>Made from <code>${escapeHtml(path)}</code> of DockerRun ${escapeHtml(version)}.</footer>
</main>
<nav id="navigation" aria-label="Pages">
${navigation(parts)}</nav>
</div>
</body>
</html>
`;
}

function sectionList({ anchors }: LayoutParts): string {
  const sections = anchors.filter(({ level }) => level === 2);
  if (sections.length < listedSections) return '';
  const items = sections.map(
    ({ id, text }) => `<li><a href="#${escapeHtml(id)}">${escapeHtml(text)}</a></li>`,
  );
  return `<details class="sections"><summary>On this page</summary>\n<ul>\n${items.join('\n')}\n</ul>\n</details>\n`;
}

function navigation({ sections, file, fileOf }: LayoutParts): string {
  const lists = sections.map(({ title, pages }) => {
    const items = pages.map(({ path, label }) => {
      const to = fileOf(path);
      const current = to === file ? ' aria-current="page"' : '';
      return `<li><a href="${relativeAddress(file, to)}"${current}>${escapeHtml(label)}</a></li>`;
    });
    return `<h2>${escapeHtml(title)}</h2>\n<ul>\n${items.join('\n')}\n</ul>\n`;
  });
  return lists.join('');
}

/** The address of a file as a page in another file has to write it; both are below the folder of the site. */
export function relativeAddress(from: string, to: string): string {
  const path = posix.relative(posix.dirname(from), to);
  return path === '' ? '.' : path.split('/').map(encodeURIComponent).join('/');
}
