import MarkdownIt, { type Token } from 'markdown-it';
import { headingAnchor, UsedAnchors } from './heading-anchors.ts';

/** Something of a page that a link can point to, and the search finds. */
export type Anchor = {
  readonly id: string;
  readonly text: string;
  /** 1 to 6 of a heading; 0 of a term. */
  readonly level: number;
};

export type RenderedPage = {
  readonly title: string;
  /** Without the title's heading around it. */
  readonly html: string;
  readonly anchors: readonly Anchor[];
};

/** What becomes of the target of a link or image. */
export type LinkTarget = {
  readonly address: string;
  /** Of the page that it leads to; in quotes, it replaces a text that is only the name of the page's file. */
  readonly title?: string | undefined;
};

export type RenderOptions = {
  readonly link: (target: string) => LinkTarget;
  /** Whether terms have anchors: code at the start of a list item or of a table row. */
  readonly hasTerms: boolean;
};

/** No HTML: what a page writes is text. */
const markdown = new MarkdownIt({ html: false });

// A wide table scrolls by itself, also with the keyboard, so that the page does not.
markdown.renderer.rules['table_open'] = () =>
  '<div class="wide" role="region" tabindex="0" aria-label="Table">\n<table>\n';
markdown.renderer.rules['table_close'] = () => '</table>\n</div>\n';

/** Renders the Markdown of a page, with the anchors of GitHub for its headings. */
export function renderPage(text: string, { link, hasTerms }: RenderOptions): RenderedPage {
  const tokens = markdown.parse(text.replace(/^<!--[^]*?-->\n/, ''), {});
  const used = new UsedAnchors();
  const headings = headingAnchors(tokens, used);
  const terms = hasTerms ? termAnchors(tokens, used) : [];
  for (const { children } of tokens) if (children !== null) rewriteLinks(children, link);
  return {
    title: headings.find(({ level }) => level === 1)?.text ?? '',
    html: markdown.renderer.render(tokens, markdown.options, {}),
    anchors: [...headings, ...terms],
  };
}

function headingAnchors(tokens: readonly Token[], used: UsedAnchors): Anchor[] {
  return tokens.flatMap((token, index) => {
    const inline = tokens[index + 1];
    if (token.type !== 'heading_open' || inline === undefined) return [];
    const id = used.free(headingAnchor(inline.content));
    token.attrSet('id', id);
    return [{ id, text: textOf(inline), level: Number(token.tag.slice(1)) }];
  });
}

/** Names of fields, reasons and metrics. */
const term = /^[A-Za-z][\w.[\]/-]*$/;

function termAnchors(tokens: readonly Token[], used: UsedAnchors): Anchor[] {
  return tokens.flatMap((token, index) => {
    const inline = inlineAtStart(tokens, index);
    const [first] = inline?.children ?? [];
    if (first?.type !== 'code_inline' || !term.test(first.content)) return [];
    const id = used.free(first.content);
    token.attrSet('id', id);
    return [{ id, text: first.content, level: 0 }];
  });
}

/** The text at the start of a list item (in its paragraph) or of a table row (in its first cell). */
function inlineAtStart(tokens: readonly Token[], index: number): Token | undefined {
  const type = tokens[index]?.type;
  return type === 'list_item_open' || type === 'tr_open' ? tokens[index + 2] : undefined;
}

function rewriteLinks(tokens: readonly Token[], link: RenderOptions['link']): void {
  for (const [index, token] of tokens.entries()) {
    const name = token.type === 'link_open' ? 'href' : token.type === 'image' ? 'src' : undefined;
    const target = name === undefined ? null : token.attrGet(name);
    if (name === undefined || target === null) continue;
    const { address, title } = link(String(target));
    token.attrSet(name, address);
    const text = tokens[index + 1];
    if (title !== undefined && text?.type === 'text' && /^[\w./-]+\.md$/.test(text.content))
      text.content = `“${title}”`;
  }
}

/** The title of a page, without rendering it. */
export function titleIn(text: string): string | undefined {
  return /^# (.*)$/m.exec(text)?.[1]?.replaceAll('`', '');
}

/** The text of a heading without marks. */
function textOf({ children }: Token): string {
  return (children ?? []).map(({ content }) => content).join('');
}

export function escapeHtml(text: string): string {
  return markdown.utils.escapeHtml(text);
}
