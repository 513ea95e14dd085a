import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { flowOf } from '../../../src/ui/page/run-flow-model.ts';

const apiUrl = 'https://data.example.org/api/v1';
const girder = { apiUrl, credentialsSecretRef: { name: 'girder' } };

test('an input from Girder has its id, its volume and what was downloaded', () => {
  const transfer = { name: 'photo', direction: 'download', bytes: 5, totalBytes: 10 };
  const { inputs } = flowOf({
    spec: { girder, transforms: [{ name: 'photo', girderItemIdToVolume: { itemId: '5f01' } }] },
    status: { transfers: [transfer] },
  });
  const href = 'https://data.example.org/#item/5f01';
  assert.equal(inputs, [{ name: 'photo', what: 'Girder item 5f01', via: 'volume', href, transfer }]);
});

test('a file of Girder has no page of its own', () => {
  const { inputs } = flowOf({
    spec: { girder, transforms: [{ name: 'a', girderFileIdToVolume: { fileId: '5f' } }] },
  });
  assert.is(inputs[0]?.href, undefined);
});

test('a stream goes through a pipe into the target, or out of it', () => {
  const { inputs, outputs } = flowOf({
    spec: {
      girder,
      transforms: [
        {
          name: 'in',
          connect: { input: { girderFileIdToStream: { fileId: '5f' } }, output: { namedInputPipe: {} } },
        },
        {
          name: 'out',
          connect: { input: { namedOutputPipe: {} }, output: { girderStreamToItem: { itemId: '6a' } } },
        },
        { name: 'log', connect: { input: { containerStdErr: {} }, output: { hostStdErr: {} } } },
      ],
    },
  });
  assert.equal(
    inputs.map(({ name, via }) => [name, via]),
    [['in', 'named pipe']],
  );
  assert.equal(
    outputs.map(({ name, what, via }) => [name, what, via]),
    [
      ['out', 'Girder item 6a', 'named pipe'],
      ['log', 'the log of the pod', 'standard error'],
    ],
  );
});

test('results and volumes that are no data of Girder are drawn as well', () => {
  const { inputs, outputs } = flowOf({
    spec: {
      girder,
      volumes: [
        { name: 'scratch', temporary: {} },
        { name: 'models', persistentVolumeClaim: { claimName: 'models-2' } },
        { name: 'raw', bindMount: { hostPath: '/srv/raw' } },
      ],
      transforms: [{ name: 'table', volumePath: { filename: 't.csv' } }],
      girderResultHooks: [{ girderUploadVolumePathToFolder: { volumePath: 'table', folderId: '7b' } }],
    },
  });
  assert.equal(
    inputs.map(({ what }) => what),
    ['claim models-2', 'directory of the node /srv/raw'],
  );
  assert.equal(
    outputs.map(({ name, what, href }) => [name, what, href]),
    [['table', 'Girder folder 7b', 'https://data.example.org/#folder/7b']],
  );
});

test('kinds that a newer operator has are drawn by their name, and nothing throws', () => {
  const { outputs } = flowOf({
    spec: {
      girderResultHooks: [{ girderUploadToMoon: { volumePath: 'a' } }],
      transforms: [{}, { name: 'x' }],
    },
  });
  assert.is(outputs[0]?.what, 'girderUploadToMoon');
  assert.equal(flowOf({}), { inputs: [], outputs: [] });
});

test.run();
