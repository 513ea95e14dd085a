import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Why } from '../../../src/api/set/window.ts';
import {
  countsLine,
  ignoredSetFields,
  itemEnds,
  ItemProgress,
  whyLines,
} from '../../../src/cli/local/set-lines.ts';
import { acceptSet } from '../../../src/cli/offline/set-validation.ts';

const id = '5f0c0000000000000000000a';
const found = (path: string, why: Why = 'new') => {
  const name = path.split('/').at(-1) ?? '';
  return { why, path, item: { id, name, recipe: '0'.repeat(64), result: { folderId: id, name } } };
};
const items = ['a.svs', 'b.svs', 'c.svs', 'd.svs'].map((name) => found(name));
const none = { listed: 0, done: 0, todo: 0, failed: 0, excluded: 0, unsettled: 0, waiting: 0 };

test('the counts of a pass name only what there is, and the causes of what has to run', () => {
  assert.is(countsLine(none, {}), '0 inputs');
  assert.is(countsLine({ ...none, listed: 1, done: 1 }, {}), '1 input: 1 done');
  assert.is(
    countsLine({ ...none, listed: 9, done: 3, todo: 4, excluded: 1, failed: 1 }, { new: 3, inputChanged: 1 }),
    '9 inputs: 3 done, 4 to run (3 new, 1 inputChanged), 1 failed for good, 1 excluded',
  );
});

test('each input that runs has a line with its path and its cause', () => {
  const lines = whyLines([found('a.svs'), found('2026/a.svs', 'versionChanged')]);
  assert.equal(lines, [
    'a.svs: new: it has no result yet',
    '2026/a.svs: versionChanged: version has changed since its result was made',
  ]);
});

test('each input that ends has one line, however often it is reported', () => {
  const progress = new ItemProgress(items);
  const next = (states: string) => progress.next({ items: { states } });
  assert.equal(next('wwww'), []);
  assert.equal(next('rwww'), []);
  assert.equal(next('srww'), ['a.svs: succeeded']);
  assert.equal(next('srkf'), ['c.svs: skipped, because its result is there', 'd.svs: failed']);
});

test('the end of an input has the reason and the message of its failure', () => {
  const failures = [{ reason: 'TargetFailed', message: 'the target ended with exit code 3', items: [1] }];
  const ends = itemEnds(items, { items: { states: 'sfkw', failures } });
  assert.equal(
    ends.map(({ text }) => text),
    ['result of a.svs', 'b.svs: failed (TargetFailed): the target ended with exit code 3', 'result of c.svs'],
  );
});

test('only fields of a set without an effect are reported', () => {
  const set = (more: object) => ({
    apiVersion: 'dockerrun.dev/v1alpha1',
    kind: 'DockerRunSet',
    metadata: { name: 'a' },
    spec: {
      girder: { apiUrl: 'http://a/api/v1', credentialsSecretRef: { name: 'g' } },
      source: { folder: { id } },
      results: { folder: { id } },
      template: { spec: { image: 'a' } },
      ...more,
    },
  });
  const notes = (more: object) => ignoredSetFields(acceptSet(set(more), 'f.yaml').spec);
  assert.equal(notes({}), []);
  assert.equal(notes({ retryFailed: '' }), []);
  assert.equal(notes({ retryFailed: 'monday' }), [
    'without a cluster these have no effect: spec.retryFailed',
  ]);
  assert.equal(notes({ cancel: true, escalate: { onOOM: ['1Gi'] } }), [
    'without a cluster these have no effect: spec.cancel, spec.escalate (no attempt gets more memory)',
  ]);
  assert.equal(notes({ cancel: false, suspend: false }), []);
  assert.equal(notes({ watch: { every: '10m' }, suspend: true }), [
    'without a cluster these have no effect: spec.watch, spec.suspend',
  ]);
});

test.run();
