import { randomBytes } from 'node:crypto';
import * as assert from 'uvu/assert';
import { nodeName } from '../cluster/network.ts';
import { aFile, anItem, download, filesOf, sha256 } from '../e2e/support/girder.ts';
import { copyOf } from '../e2e/support/job-run.ts';
import { containersOf, Lab } from '../e2e/support/runs.ts';
import { test } from '../fixtures/suite.ts';
import { engineIs, expectSoundKernel } from './second-node.ts';

/** The one test of the second node that CI runs, after everything else: `.ci/run`. */

const bytes = randomBytes(4 * 2 ** 20);
let lab: Lab;

test.before(async () => {
  lab = await Lab.open('one-round-trip');
  await engineIs('ready');
});
test.after(async () => {
  await lab.close();
  expectSoundKernel();
});

test('a file passes from Girder through a target on another node to Girder unchanged', async () => {
  const [fileId, itemId] = [await aFile('in.bin', bytes), await anItem('out')];
  await lab.run('copy', copyOf(fileId, itemId));
  const status = await lab.ended('copy');
  assert.is(status.phase, 'Succeeded', status.message);
  const [file] = await filesOf(itemId);
  assert.is(sha256(await download(file?._id ?? '')), sha256(bytes));
  const { metadata } = await lab.get('copy');
  assert.equal(await containersOf(metadata.uid), []);
  const pod = status.podName ?? '';
  assert.is.not(await lab.kubectl('get', 'pod', pod, '-o', 'jsonpath={.spec.nodeName}'), nodeName);
});

test.run();
