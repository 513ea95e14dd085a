import * as assert from 'uvu/assert';
import { aFile, anItem, download, filesOf, girder } from '../support/girder.ts';
import { Lab } from '../support/runs.ts';
import { concurrentTest } from '../support/concurrent-tests.ts';
import { successfulLog } from '../support/job-run.ts';
import { girderWorkerTestImage } from '../support/test-image.ts';

/** Cases of Girder Worker's own integration suite about files and items of Girder. */

/** The size in the original: more than three of its buffers. */
const contents = 'abc'.repeat(65546);
const test = concurrentTest();
let lab: Lab;
let image: string;

test.before(async () => {
  lab = await Lab.open('gw-data');
  image = await girderWorkerTestImage();
});
test.after(() => lab?.close());

test('test_docker_run_file_upload_to_item: a file of the target is uploaded to the item', async () => {
  const itemId = await anItem('test');
  await successfulLog(lab, 'file-upload', {
    image,
    args: ['write', '-p', '$(file)', '-m', 'Balaenoptera musculus'],
    transforms: [{ name: 'file', volumePath: { filename: 'test_file' } }],
    girderResultHooks: [{ girderUploadVolumePathToItem: { volumePath: 'file', itemId } }],
  });
  const files = await filesOf(itemId);
  assert.equal(
    files.map(({ name }) => name),
    ['test_file'],
  );
  assert.is((await download(files[0]?._id ?? '')).toString(), 'Balaenoptera musculus');
});

test('test_docker_run_girder_file[file_to_volume]: a file of Girder is read and written to a pipe', async () => {
  const fileId = await aFile('test_file', Buffer.from(contents));
  const log = await successfulLog(lab, 'file-to-volume', {
    image,
    args: ['read-write', '-i', '$(in)', '-o', '$(out)'],
    transforms: [
      { name: 'in', girderFileIdToVolume: { fileId } },
      { name: 'out', connect: { input: { namedOutputPipe: { name: 'out' } }, output: { hostStdOut: {} } } },
    ],
  });
  assert.is(log.length, contents.length);
  assert.ok(log === contents);
});

test('test_docker_run_download_multi_file_item: an item with three files becomes a directory', async () => {
  const itemId = await anItem('test');
  const names = ['test0.txt', 'test1.txt', 'test2.txt'];
  for (const name of names) {
    await girder('POST', `file?parentType=item&parentId=${itemId}&name=${name}&size=0`);
  }
  const log = await successfulLog(lab, 'multi-file-item', {
    image,
    args: ['listdir', '-d', '$(item)'],
    transforms: [{ name: 'item', girderItemIdToVolume: { itemId } }],
  });
  assert.equal(log.trim().split(/\s+/).sort(), names);
});

test.run();
