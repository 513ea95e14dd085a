import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { girderPage } from '../../../src/api/girder-page.ts';

test('a page is beside the usual address of the API, also below a path and with a slash at the end', () => {
  assert.is(girderPage('https://data.example.org/api/v1', 'item/i'), 'https://data.example.org/#item/i');
  assert.is(girderPage('http://h/girder/api/v1/', 'folder/f'), 'http://h/girder/#folder/f');
});

test('another address has no page, and neither has one that is not of the web', () => {
  for (const apiUrl of [
    undefined,
    '',
    'https://api.example.org',
    'https://h/api/v2',
    'javascript:x//h/api/v1',
  ])
    assert.is(girderPage(apiUrl, 'item/i'), undefined, apiUrl);
});

test.run();
