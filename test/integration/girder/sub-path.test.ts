import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { girderPage } from '../../../src/api/girder-page.ts';
import { downloadFolder } from '../../../src/girder/download/download.ts';
import { openGirder } from '../../../src/girder/open-girder.ts';
import { uploadPath } from '../../../src/girder/upload/upload-path.ts';
import { Nginx } from '../../fixtures/nginx.ts';
import { runErrorOf } from '../../fixtures/run-error.ts';
import { girderEnvironment } from './real-girder.ts';
import { readTree, ScratchFolder } from './scratch-folder.ts';

const signal = new AbortController().signal;

/** Names that a shell, a URL, a header or another system would read as something else. */
const names = [
  ...['😀.txt', 'line\nbreak', 'dot.', 'a\\b', 'a:b', 'e\u0301', '\u00e9', '%2F', `'q"uote`, '\u202etxt'],
  ...[
    '*?',
    '-rf',
    'x',
    'x (1)',
    'ﬁ',
    '..x',
    '...',
    '~',
    '$(date)',
    '&amp;',
    'http:',
    'a;b,c',
    'a\u2028b',
    'no\u00a0break',
  ],
  ...['9'.repeat(255), '漢'.repeat(85)],
];

test('a Girder below a path of its server takes and returns files of any names', async () => {
  const { apiUrl, apiKey } = girderEnvironment();
  await using nginx = await Nginx.start(apiUrl, '10m', '/girder/');
  await using scratch = await ScratchFolder.make();
  const below = `${nginx.origin}/girder/api/v1`;
  const client = await openGirder({ apiUrl: below, credentials: { apiKey }, signal });
  const [out, into] = [join(scratch.directory, 'out'), join(scratch.directory, 'in')];
  for (const directory of [out, into]) mkdirSync(directory);
  for (const name of names) writeFileSync(join(out, name), `<${name}>`);
  const upload = { root: scratch.directory, path: 'out', to: { folderId: scratch.folderId } };
  const { files, refused } = await uploadPath(client, upload, { signal });
  assert.equal([files, refused], [names.length, []]);
  const got = await downloadFolder(client, { folderId: scratch.folderId, into }, { signal });
  await client.close();
  const expected = names.map((name) => [name.replace('\n', '_'), `<${name}>`]);
  assert.equal(await readTree(join(into, got.relativePath)), Object.fromEntries(expected));
  assert.is(girderPage(below, 'item/i'), `${nginx.origin}/girder/#item/i`);
});

test('an address without that path is named as one that leads to no Girder', async () => {
  const { apiUrl, apiKey } = girderEnvironment();
  await using nginx = await Nginx.start(apiUrl, '10m', '/girder/');
  const wrong = { apiUrl: `${nginx.origin}/api/v1`, credentials: { apiKey }, signal };
  const { reason, message } = await runErrorOf(openGirder(wrong));
  assert.is(reason, 'GirderUnavailable');
  assert.match(message, /returned 404, and it is not a Girder API/);
});

test.run();
