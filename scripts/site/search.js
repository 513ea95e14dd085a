// The search of the site: a classic script without imports, since browsers load no modules from a disk.
'use strict';

/** @typedef {readonly [text: string, page: string, address: string]} SearchEntry */

const most = 20;
const root = document.documentElement.dataset.root;
const box = document.querySelector('.search');
const input = document.querySelector('#search');
const list = document.querySelector('#found');
/** The index of the chosen result; -1 for none. */
let chosen = -1;

box.hidden = false;

/** The index is large, so it is loaded when somebody starts to search. */
input.addEventListener(
  'focus',
  () => {
    const script = document.createElement('script');
    script.src = `${root}/search-index.js`;
    script.addEventListener('load', show);
    document.head.append(script);
  },
  { once: true },
);
input.addEventListener('input', show);
list.addEventListener('click', close);
input.addEventListener('keydown', (event) => {
  if (event.key === 'ArrowDown') choose(chosen + 1, event);
  else if (event.key === 'ArrowUp') choose(chosen - 1, event);
  else if (event.key === 'Enter') list.children[Math.max(chosen, 0)]?.querySelector('a').click();
  else if (event.key === 'Escape') close();
});
document.addEventListener('click', (event) => {
  if (!box.contains(event.target)) close();
});
document.addEventListener('keydown', (event) => {
  if (event.key !== '/' || event.target.closest('input, textarea')) return;
  event.preventDefault();
  input.focus();
});

function close() {
  list.hidden = true;
  chosen = -1;
  input.setAttribute('aria-expanded', 'false');
  input.removeAttribute('aria-activedescendant');
}

function choose(index, event) {
  event.preventDefault();
  if (list.hidden || list.children.length === 0) return;
  chosen = (index + list.children.length) % list.children.length;
  [...list.children].forEach((item, at) => item.setAttribute('aria-selected', String(at === chosen)));
  list.children[chosen].scrollIntoView({ block: 'nearest' });
  input.setAttribute('aria-activedescendant', list.children[chosen].id);
}

function show() {
  const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
  close();
  list.replaceChildren();
  if (words.length === 0 || globalThis.searchIndex === undefined) return;
  const results = find(globalThis.searchIndex, words);
  list.append(...results.map(itemOf));
  if (results.length === 0) list.append(nothing());
  list.hidden = false;
  input.setAttribute('aria-expanded', 'true');
}

/** Entries that have every word, in their own text or in the title of their page. */
function find(/** @type {readonly SearchEntry[]} */ entries, words) {
  const scored = entries.flatMap((entry) => {
    const [text, page] = [entry[0].toLowerCase(), entry[1].toLowerCase()];
    if (!words.every((word) => text.includes(word) || page.includes(word))) return [];
    return [{ entry, score: scoreOf(text, words) }];
  });
  return scored
    .toSorted((one, other) => other.score - one.score)
    .slice(0, most)
    .map(({ entry }) => entry);
}

/** More for text that is, begins with or has the words, and for short text. */
function scoreOf(text, words) {
  const points = words.map((word) => {
    if (text === word) return 8;
    if (text.startsWith(word) || text.endsWith(`.${word}`)) return 4;
    return text.includes(word) ? 2 : 0;
  });
  return points.reduce((sum, point) => sum + point, 0) - text.length / 1000;
}

function itemOf([text, page, address], index) {
  const item = document.createElement('li');
  item.role = 'option';
  item.id = `found-${index}`;
  const link = document.createElement('a');
  link.href = `${root}/${address}`;
  link.tabIndex = -1;
  const where = document.createElement('span');
  where.textContent = page;
  link.append(text, where);
  item.append(link);
  return item;
}

function nothing() {
  const item = document.createElement('li');
  item.textContent = 'Nothing found. Headings, fields and reasons are searched, not the text.';
  return item;
}
