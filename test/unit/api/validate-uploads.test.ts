import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { validateSpec } from '../../../src/api/validate.ts';
import { specOf } from '../../fixtures/builders.ts';

const id = '5f0c0000000000000000000a';
const girder = { apiUrl: 'http://girder/api/v1', credentialsSecretRef: { name: 'girder' } };
const claim = (readOnly: boolean) => ({
  name: 'claim',
  persistentVolumeClaim: { claimName: 'c', containerPath: '/c', readOnly },
});

/** Validates a spec that uploads from a claim and streams its standard output to Girder. */
function problems({
  upload = {},
  stream = {},
  readOnly = false,
}: {
  upload?: Record<string, unknown>;
  stream?: Record<string, unknown>;
  readOnly?: boolean;
}): string[] {
  const item = { itemId: id, filename: 'log.txt', ...stream };
  const spec = specOf({
    image: 'busybox',
    volumes: [claim(readOnly)],
    transforms: [
      { name: 'out', volumePath: { filename: 'out', volume: 'claim' } },
      { name: 'log', connect: { input: { containerStdOut: {} }, output: { girderStreamToItem: item } } },
    ],
    girderResultHooks: [
      { girderUploadVolumePathToFolder: { volumePath: 'temporaryVolume', folderId: id } },
      { girderUploadVolumePathToItem: { volumePath: 'out', itemId: id, ...upload } },
    ],
    girder,
  });
  return validateSpec(spec);
}

test('metadata is accepted with any inner keys, as Girder stores them', () => {
  assert.equal(problems({ upload: { metadata: { a: { 'b.c': 1 } } }, stream: { metadata: { b$: 1 } } }), []);
});

for (const key of ['', 'a.b', '$a']) {
  test(`the key ${JSON.stringify(key)} of metadata is refused with its field`, () => {
    const metadata = { good: 1, [key]: 1 };
    const [hook = '', ...others] = problems({ upload: { metadata } });
    assert.match(
      hook,
      'spec.girderResultHooks[1].girderUploadVolumePathToItem.metadata: Girder does not accept the key',
    );
    assert.match(hook, JSON.stringify(key));
    assert.equal(others, []);
    const [stream = ''] = problems({ stream: { metadata } });
    assert.match(
      stream,
      'spec.transforms: log.connect.output.girderStreamToItem.metadata: Girder does not accept the key',
    );
  });
}

test('a filename requires a single file, and not a whole volume', () => {
  assert.equal(problems({ upload: { filename: 'a' } }), []);
  assert.equal(problems({ upload: { filename: 'a', volumePath: 'claim' } }), [
    'spec.girderResultHooks[1].girderUploadVolumePathToItem.filename: it requires a single file, but claim is a whole volume',
  ]);
});

test('files of a claim that is readOnly cannot be deleted', () => {
  const problem =
    'spec.girderResultHooks[1].girderUploadVolumePathToItem.deleteFile: cannot delete files from claim, whose claim is readOnly';
  for (const volumePath of ['out', 'claim']) {
    assert.equal(problems({ readOnly: true, upload: { volumePath, deleteFile: true } }), [problem]);
    assert.equal(problems({ readOnly: true, upload: { volumePath } }), []);
    assert.equal(problems({ upload: { volumePath, deleteFile: true } }), []);
  }
});

test.run();
