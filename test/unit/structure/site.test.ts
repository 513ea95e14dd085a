import { globSync } from 'node:fs';
import { posix } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type LinkTarget, renderPage } from '../../../scripts/site/page-renderer.ts';
import { siteFiles } from '../../../scripts/site/site-files.ts';
import { outlinePages } from '../../../scripts/site/site-outline.ts';

/** The site as `make docs` writes it. */
const site = siteFiles();

const textOf = (file: string) => String(site.get(file));

const htmlFiles = [...site.keys()].filter((file) => file.endsWith('.html'));

/** Addresses of links and of what a page loads, as a browser reads them. */
function addressesIn(html: string): string[] {
  return [...html.matchAll(/ (?:href|src)="([^"]*)"/g)].map(([, address = '']) =>
    address.replaceAll('&amp;', '&'),
  );
}

const idsIn = (html: string) => [...html.matchAll(/ id="([^"]*)"/g)].map(([, id = '']) => id);

const ids = new Map(htmlFiles.map((file) => [file, new Set(idsIn(textOf(file)))]));

/** Why an address of a page leads nowhere in the site; undefined if it leads somewhere, or out of the site. */
function faultOf(file: string, address: string): string | undefined {
  if (/^(https?|data|mailto):/.test(address)) return undefined;
  const [path = '', anchor] = address.split('#').map(decodeURIComponent);
  const to = path === '' ? file : posix.join(posix.dirname(file), path);
  if (!site.has(to)) return `${file}: there is no ${to}`;
  if (anchor !== undefined && ids.get(to)?.has(anchor) !== true) return `${file}: ${to} has no #${anchor}`;
  return undefined;
}

test('every link of the site leads to one of its files, and every anchor to an element', () => {
  const faults = htmlFiles.flatMap((file) =>
    addressesIn(textOf(file)).flatMap((address) => faultOf(file, address) ?? []),
  );
  assert.equal(faults, []);
});

test('no page loads anything from another server, so the site works without a network', () => {
  for (const file of htmlFiles) {
    const loaded = [...textOf(file).matchAll(/<(?:link|script|img|iframe)\b[^>]*>/g)].flatMap(([tag]) =>
      addressesIn(tag),
    );
    assert.equal(
      loaded.filter((address) => /^(https?:)?\/\//.test(address)),
      [],
      file,
    );
  }
  assert.not.match(textOf('site.css'), /url\(|@import/);
});

test('no address begins with a slash, so the site works in any folder and from a disk', () => {
  for (const file of htmlFiles)
    assert.equal(
      addressesIn(textOf(file)).filter((address) => address.startsWith('/')),
      [],
      file,
    );
});

test('every page of docs is in the site', () => {
  const missing = globSync('docs/**/*.md').filter(
    (page) => !site.has(page.replace(/README\.md$/, 'index.md').replace(/\.md$/, '.html')),
  );
  assert.equal(missing, []);
});

test('each page of the navigation is marked in it, on itself alone', () => {
  for (const file of htmlFiles) {
    const marks = textOf(file).match(/aria-current="page"/g) ?? [];
    assert.ok(marks.length <= 1, file);
  }
  const marked = htmlFiles.filter((file) => textOf(file).includes('aria-current="page"'));
  assert.is(marked.length, outlinePages.length);
});

test('every page has one title and no anchor twice', () => {
  for (const file of htmlFiles) {
    const html = textOf(file);
    assert.is(html.match(/<h1\b/g)?.length, 1, file);
    assert.equal(idsIn(html).length, ids.get(file)?.size, file);
  }
});

type SearchEntry = readonly [text: string, page: string, address: string];

const entries = JSON.parse(
  textOf('search-index.js').replace(/^globalThis\.searchIndex = ([^]*);\n$/, '$1'),
) as SearchEntry[];

test('the search finds headings, fields, reasons and metrics, each at an element of its page', () => {
  for (const text of [
    'OOMKilled',
    'spec.volumes[].bindMount.hostPath',
    'dockerrun_runs',
    'DockerRunWatchStale',
  ])
    assert.ok(
      entries.some(([found]) => found === text),
      text,
    );
  const faults = entries.flatMap(([, , address]) => faultOf('index.html', address) ?? []);
  assert.equal(faults, []);
});

const asWritten = (address: string): LinkTarget => ({ address });

test('HTML in a page is shown as text', () => {
  const { html } = renderPage('# A\n\n<script>alert(1)</script>\n', { link: asWritten, hasTerms: false });
  assert.not.match(html, /<script/);
  assert.match(html, /&lt;script/);
});

test('headings with the same words have numbered anchors, as on GitHub', () => {
  const { anchors } = renderPage('# A\n\n## Fixed\n\n## `Fixed`\n', { link: asWritten, hasTerms: false });
  assert.equal(
    anchors.map(({ id }) => id),
    ['a', 'fixed', 'fixed-1'],
  );
});

test('a link whose text is the name of a file has the title of the page as its text', () => {
  const { html } = renderPage('[a.md](a.md), [the `a.md`](a.md), [b](a.md)', {
    link: () => ({ address: 'a.html', title: 'All of A' }),
    hasTerms: false,
  });
  assert.match(html, />“All of A”<.*>the <code>a\.md<\/code><.*>b</);
});

test.run();
