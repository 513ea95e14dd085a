import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { publishOne } from '../../fixtures/girder-examples.ts';
import { ociImage } from '../../fixtures/oci-image.ts';
import { Registry } from '../../fixtures/registry.ts';
import { ScratchDirectory } from '../../fixtures/scratch-directory.ts';
import { jobInState } from '../../fixtures/slicer-cli.ts';
import { concurrentTest } from '../support/concurrent-tests.ts';
import { aFile, anItem, download, filesOf } from '../support/girder.ts';
import { logOf, statesOf } from '../support/girder-job.ts';
import { cancelled, failed, running, succeeded } from '../support/job-run.ts';
import { succeed } from '../support/shell.ts';

/** The calls of the original's documentation, published from inside of Girder and run by the bridge. */

/** Lists directories and leaves a file in them, reads files and pipes, and writes to paths where nothing is. */
const script = `
b=/busybox
[ $# -gt 0 ] || { set -- /mnt/docker; }
for path in "$@"; do
  if [ -d "$path" ]; then
    echo "directory $path: $($b ls "$path" | $b xargs echo)"
    echo made > "$path/made.txt"
  elif [ -e "$path" ]; then
    echo "read $path: $($b md5sum < "$path" | $b cut -c1-32)"
  else
    echo result > "$path"
    echo "wrote $path"
  fi
done
`;
const content = Buffer.from('numbers\n'.repeat(50_000));
const md5 = createHash('md5').update(content).digest('hex');
const endMs = 180_000;
const test = concurrentTest();
let registry: Registry;
let image: string;
let fileId: string;

test.before(async () => {
  registry = await Registry.start({ isOpen: true });
  const files = { busybox: await readFile('/bin/busybox'), 'run.sh': Buffer.from(script) };
  image = await registry.push('my/image', ociImage(files, [], ['/busybox', 'sh', '/run.sh']));
  fileId = await aFile('numbers.txt', content);
});

test.after(async () => {
  await registry?.[Symbol.asyncDispose]();
  if (image !== undefined) await succeed('docker', ['image', 'rm', '--force', image]);
});

type Changes = Parameters<typeof publishOne>[1];

/** Publishes an example with the image of this test; its job must succeed. Returns the job's log. */
async function logOfExample(name: string, { values = {}, replace = {} }: Changes = {}): Promise<string> {
  const { jobId } = await publishOne(name, { values, replace: { 'my/image': image, ...replace } });
  const { status, log = [] } = await jobInState(jobId, [succeeded, failed, cancelled], endMs);
  assert.is(status, succeeded, log.join(''));
  assert.equal(await statesOf(jobId), [running, succeeded]);
  return logOf(jobId);
}

/** A directory of the node with one file, in the place that runs may mount. */
async function nodeDirectory(): Promise<ScratchDirectory> {
  const directory = ScratchDirectory.mountable();
  await writeFile(join(directory.path, 'labels.txt'), '1 left lung\n');
  return directory;
}

const made = (directory: ScratchDirectory) => readFile(join(directory.path, 'made.txt'), 'utf8');

test('volumes as a dict: the directory of the node is at the path of the dict, and can be written', async () => {
  using directory = await nodeDirectory();
  const log = await logOfExample('volumes-dict', { replace: { '/home/docker/data': directory.path } });
  assert.match(log, /^directory \/mnt\/docker: labels\.txt$/m);
  assert.is(await made(directory), 'made\n');
});

test('BindMountVolume: as an argument it is its path in the container', async () => {
  using directory = await nodeDirectory();
  const log = await logOfExample('bind-mount-volume', { replace: { '/home/docker/data': directory.path } });
  assert.match(log, /^directory \/mnt\/docker\/?: labels\.txt$/m);
  assert.is(await made(directory), 'made\n');
});

test('TemporaryVolume.default: as an argument it is an empty directory that the target can write', async () => {
  const log = await logOfExample('temporary-volume-default');
  assert.match(log, /^directory \/mnt\/girder_worker\/\S+: *$/m);
});

test('GirderFileIdToVolume: the file of Girder is at a path with its name', async () => {
  const log = await logOfExample('file-id-to-volume', { values: { file_id: fileId } });
  assert.match(log, new RegExp(`^read /mnt/girder_worker/\\S+: ${md5}$`, 'm'));
});

test('GirderFileIdToVolume with a volume: the file of Girder is in this volume', async () => {
  using directory = await nodeDirectory();
  const values = { file_id: fileId, host_path: directory.path, container_path: '/mnt/docker' };
  const log = await logOfExample('file-id-to-bind-mount', { values });
  assert.match(log, new RegExp(`^read /mnt/docker/\\S+: ${md5}$`, 'm'));
});

test('VolumePath with an upload hook: what the target wrote there is a file of the item', async () => {
  const itemId = await anItem('a result of the bridge');
  const log = await logOfExample('upload-volume-path-to-item', { values: { item_id: itemId } });
  assert.match(log, /^wrote \/mnt\/girder_worker\/\S+\/result\.txt$/m);
  const [file, ...others] = await filesOf(itemId);
  assert.equal([file?.name, others.length], ['result.txt', 0]);
  assert.is((await download(file?._id ?? '')).toString(), 'result\n');
});

test('Connect of a stream and a named pipe: every byte of the file arrives through the pipe', async () => {
  const log = await logOfExample('stream-to-named-pipe', { values: { file_id: fileId } });
  assert.match(log, new RegExp(`^read /mnt/girder_worker/\\S+read_in_container: ${md5}$`, 'm'));
});

test.run();
