import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';
import { type Anchor, type LinkTarget, type RenderedPage, renderPage, titleIn } from './page-renderer.ts';
import { layOut, relativeAddress } from './site-layout.ts';
import { outline, outlinePages } from './site-outline.ts';

/** The files of the site by their paths below its folder. */
export type SiteFiles = ReadonlyMap<string, string | Buffer>;

/** Something that the search finds: its text, the page that it is on, and its address below the folder of the site. */
type SearchEntry = readonly [text: string, page: string, address: string];

const pictures = new Set(['.svg', '.png']);

const own = (name: string) => readFileSync(new URL(name, import.meta.url));

/**
 * Makes the site of the tree in the current directory: the pages of the outline, and all that they lead to. Markdown
 * and other text become pages, a folder becomes the list of its files, and pictures are copied.
 * @throws Error if a link leads to nothing
 */
export function siteFiles(): SiteFiles {
  const files = new Map<string, string | Buffer>([
    ['site.css', own('site.css')],
    ['search.js', own('search.js')],
  ]);
  const found: SearchEntry[] = [];
  const queue = new Set(outlinePages.map(({ path }) => path));
  const version = versionOf(readFileSync('package.json', 'utf8'));
  // What is added to a set while it is walked is walked, too.
  for (const path of queue) {
    const file = fileOf(path);
    if (pictures.has(posix.extname(path))) {
      files.set(file, readFileSync(path));
      continue;
    }
    const hasTerms = outlinePages.some((page) => page.path === path && page.hasTerms === true);
    const page = renderPage(markdownOf(path), {
      hasTerms,
      link: (target) => targetOf(target, path, (to) => queue.add(to)),
    });
    files.set(file, layOut({ ...page, file, path, version, sections: outline, fileOf }));
    if (path.endsWith('.md')) found.push(...searchEntries(page, file));
  }
  files.set('search-index.js', `globalThis.searchIndex = ${JSON.stringify(found, undefined, 0)};\n`);
  return files;
}

/** Writes the site into a folder, in place of what is there. */
export function writeSite(folder: string): SiteFiles {
  const files = siteFiles();
  rmSync(folder, { recursive: true, force: true });
  for (const [path, content] of files) {
    const file = join(folder, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, content);
  }
  return files;
}

/** The file that a path of the tree becomes. The README of a folder is also the page of the folder. */
function fileOf(path: string): string {
  if (pictures.has(posix.extname(path))) return path;
  if (posix.basename(path) === 'README.md') return posix.join(posix.dirname(path), 'index.html');
  if (statSync(path).isDirectory()) return posix.join(path, 'index.html');
  return `${path.replace(/\.md$/, '')}.html`;
}

/** The Markdown of a page, which other files and folders do not have. */
function markdownOf(path: string): string {
  if (statSync(path).isDirectory()) return folderPage(path);
  const text = readFileSync(path, 'utf8');
  if (path.endsWith('.md')) return text;
  return `# ${path}\n\n~~~~~~${posix.extname(path).slice(1)}\n${text.trimEnd()}\n~~~~~~\n`;
}

function folderPage(path: string): string {
  const names = readdirSync(path).toSorted();
  return `# ${path}\n\n${names.map((name) => `- [${name}](${encodeURIComponent(name)})`).join('\n')}\n`;
}

/**
 * The address of a link's target as its page has to write it.
 * @param add takes the path of what has to be in the site
 */
function targetOf(target: string, page: string, add: (path: string) => void): LinkTarget {
  if (/^([a-z]+:|#)/.test(target)) return { address: target };
  const [link = '', anchor] = target.split('#');
  const folder = statSync(page).isDirectory() ? page : posix.dirname(page);
  const path = pageOf(posix.join(folder, decodeURIComponent(link)).replace(/\/$/, ''), page);
  add(path);
  const address = relativeAddress(fileOf(page), fileOf(path));
  const title = path.endsWith('.md') ? titleIn(readFileSync(path, 'utf8')) : undefined;
  return { address: anchor === undefined ? address : `${address}#${anchor}`, title };
}

/** What is shown for a path: for a folder its README, if it has one. */
function pageOf(path: string, page: string): string {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined || path.startsWith('..'))
    throw new Error(`${page} links to ${path}, which is not there`);
  const readme = posix.join(path, 'README.md');
  return stat.isDirectory() && statSync(readme, { throwIfNoEntry: false }) !== undefined ? readme : path;
}

function searchEntries({ title, anchors }: RenderedPage, file: string): SearchEntry[] {
  const address = ({ id, level }: Anchor) => (level === 1 ? file : `${file}#${encodeURIComponent(id)}`);
  return anchors.map((anchor) => [anchor.text, title, address(anchor)] as const);
}

function versionOf(manifest: string): string {
  const { version } = JSON.parse(manifest) as { version: string };
  return version;
}
