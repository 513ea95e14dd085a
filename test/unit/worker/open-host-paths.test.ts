import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { dividedPath, whereItLeads } from '../../../src/worker/pod/open-host-paths.ts';

const at = (root: string, device = '8:1') => ({ device, root });
const base = at('/srv/data');
const hidden = at('/srv/data/.dockerrun-temporary');
const own = '.dockerrun-temporary/dockerrun-1-t';
const bind = { kind: 'bindMount', hides: false, isStrict: false } as const;
const strict = { ...bind, isStrict: true };
const temporary = { ...bind, kind: 'temporary', within: own, isStrict: true } as const;

const rows = [
  ['a directory', { ...bind, within: 'a/b' }, at('/srv/data/a/b'), 'where it says'],
  ['a link inside', { ...bind, within: 'a/b' }, at('/srv/data/c'), 'inside'],
  ['a file system that is mounted in it', { ...bind, within: 'a/b' }, at('/b', '8:2'), 'inside'],
  ['a directory of a strict path', { ...strict, within: 'a/b' }, at('/srv/data/a/b'), 'where it says'],
  ['a link in a strict path', { ...strict, within: 'a/b' }, at('/srv/data/a/c'), 'elsewhere'],
  ['a link to the same name in a strict path', { ...strict, within: 'b' }, at('/srv/data/a/b'), 'elsewhere'],
  ['a file system in a strict path', { ...strict, within: 'a/b' }, at('/srv/data/a/b', '8:2'), 'elsewhere'],
  [
    'a link to a temporary volume',
    { ...bind, within: 'a' },
    at(`/srv/data/${own}`),
    'around temporary volumes',
  ],
  ['a link to all of them', { ...bind, within: 'a' }, hidden, 'around temporary volumes'],
  ['a link to the directory around them', { ...bind, within: 'a' }, base, 'around temporary volumes'],
  ['a link to the root around them', { ...bind, within: 'a' }, at('/'), 'around temporary volumes'],
  [
    'a name that begins like theirs',
    { ...bind, within: 'a' },
    at('/srv/data/.dockerrun-temporary2'),
    'inside',
  ],
  ['a deleted directory', { ...strict, within: 'a' }, at('/srv/data/a//deleted'), 'elsewhere'],
  ['the whole directory', { ...bind, hides: true, within: '' }, base, 'where it says'],
  ['a temporary volume', temporary, at(`/srv/data/${own}`), 'where it says'],
  ['a link in place of a temporary volume', temporary, at('/srv/data/c'), 'temporary volumes elsewhere'],
  [
    'the temporary volume of another run',
    temporary,
    at(`${hidden.root}/dockerrun-2-t`),
    'temporary volumes elsewhere',
  ],
  ['one on another file system', temporary, at(`/srv/data/${own}`, '8:2'), 'temporary volumes elsewhere'],
] as const;

for (const [what, place, mounted, expected] of rows) {
  test(`${what} leads ${expected}`, () => {
    assert.is(whereItLeads(place, { base, mounted, hidden }), expected);
  });
}

test('what must be hidden is not, if it is a link or missing', () => {
  const place = { ...bind, hides: true, within: '' };
  for (const other of [undefined, at('/srv/data/x'), at(hidden.root, '8:2')])
    assert.is(whereItLeads(place, { base, mounted: base, hidden: other }), 'temporary volumes elsewhere');
});

test('a whole file system is a directory like any other', () => {
  const mounts = { base: at('/'), hidden: undefined };
  assert.is(whereItLeads({ ...bind, within: 'a' }, { ...mounts, mounted: at('/a') }), 'where it says');
  assert.is(
    whereItLeads({ ...bind, within: 'a' }, { ...mounts, mounted: at('/') }),
    'around temporary volumes',
  );
});

test('a path is divided after the directory that it is mounted from, whatever slashes it has', () => {
  assert.equal(dividedPath('//srv//data/x/', 1), { base: '/srv', rest: 'data/x' });
  assert.equal(dividedPath('/srv/data', 2), { base: '/srv/data', rest: '' });
  assert.equal(dividedPath('/srv', 0), { base: '/', rest: 'srv' });
});

test.run();
