import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { inputPathsOf } from '../../../src/worker/plan.ts';
import { aVolume, temporaryVolume } from '../../fixtures/builders-worker.ts';

test('inputs are known by their volume: files by their name, others by the directory of their id', () => {
  const data = aVolume('data');
  const paths = inputPathsOf(
    [
      { names: ['a', 'b'], volume: data, source: { kind: 'file', fileId: 'f', filename: 'in/a.txt' } },
      { names: ['c'], volume: data, source: { kind: 'file', fileId: 'f', filename: undefined } },
      { names: ['d'], volume: temporaryVolume, source: { kind: 'folder', folderId: 'x', folderName: 'n' } },
      { names: ['e'], volume: temporaryVolume, source: { kind: 'item', itemId: 'never downloaded' } },
    ],
    new Map([
      ['a', 'in/a.txt'],
      ['b', 'in/a.txt'],
      ['c', 'f/c.txt'],
      ['d', 'x/n'],
    ]),
  );
  assert.equal([...(paths.get(data) ?? [])], ['in/a.txt', 'f']);
  assert.equal([...(paths.get(temporaryVolume) ?? [])], ['x']);
});

test.run();
