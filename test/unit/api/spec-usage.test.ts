import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { journalledVolumes } from '../../../src/api/spec-usage.ts';
import { specOf } from '../../fixtures/builders.ts';

test('volumes that outlive the pod and that the worker writes to are journalled', () => {
  const bindMount = (path: string) => ({ hostPath: path, containerPath: path, mode: 'rw' });
  const spec = specOf({
    image: 'busybox',
    volumes: [
      { name: 'downloads', bindMount: bindMount('/a') },
      { name: 'targets', bindMount: bindMount('/b') },
      { name: 'claim', persistentVolumeClaim: { claimName: 'c', containerPath: '/c', readOnly: false } },
      { name: 'empty', temporary: {} },
      { name: 'scratch', temporary: { hostDir: '/d' } },
    ],
    transforms: [
      { name: 'file', girderFileIdToVolume: { fileId: '5e4d3c2b1a0f9e8d7c6b5a49', volume: 'downloads' } },
      { name: 'other', girderFileIdToVolume: { fileId: '5e4d3c2b1a0f9e8d7c6b5a49', volume: 'empty' } },
      { name: 'path', volumePath: { volume: 'targets', filename: 'f' } },
      { name: 'pipe', progressPipe: { name: 'p', volume: 'claim' } },
    ],
  });
  assert.equal(journalledVolumes(spec), { journalled: ['downloads', 'claim'], directories: ['scratch'] });
});

test('every claim that the worker can write to is journalled, because it puts a probe there', () => {
  const claim = (name: string, readOnly: boolean) => ({
    name,
    persistentVolumeClaim: { claimName: name, containerPath: `/${name}`, readOnly },
  });
  const spec = specOf({ image: 'busybox', volumes: [claim('written', false), claim('read', true)] });
  assert.equal(journalledVolumes(spec), { journalled: ['written'], directories: [] });
});

test('a run without volumes has no journalled volumes', () => {
  assert.equal(journalledVolumes(specOf({ image: 'busybox' })), { journalled: [], directories: [] });
});

test.run();
