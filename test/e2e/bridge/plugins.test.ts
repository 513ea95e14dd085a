import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import * as assert from 'uvu/assert';
import { girderDisk, tasksNamespace } from '../../cluster/operator/bridge.ts';
import { processedFiles, publishExample, type PublishedTask } from '../../fixtures/girder-examples.ts';
import { ociImage } from '../../fixtures/oci-image.ts';
import { Registry } from '../../fixtures/registry.ts';
import { ScratchDirectory } from '../../fixtures/scratch-directory.ts';
import { jobInState } from '../../fixtures/slicer-cli.ts';
import { until } from '../../fixtures/until.ts';
import { concurrentTest } from '../support/concurrent-tests.ts';
import { aFileIn, aFolder, download, filesOf, girder } from '../support/girder.ts';
import { logOf, statesOf, storedJob } from '../support/girder-job.ts';
import { HttpSink } from '../support/http-sink.ts';
import { cancelled, failed, running, succeeded } from '../support/job-run.ts';
import { succeed } from '../support/shell.ts';

/** Calls with everything that a plugin of Girder may pass, published from inside of Girder and run by the bridge. */

const endMs = 240_000;
const test = concurrentTest();
let registry: Registry;
let image: string;
/** A folder in Girder for everything that these tests make. */
let root: string;

test.before(async () => {
  registry = await Registry.start({ isOpen: true });
  const files = { busybox: await readFile('/bin/busybox') };
  image = await registry.push('plugins', ociImage(files, [], ['/busybox', 'false']));
  root = await aFolder(`plugins-${Date.now().toString(36)}`);
});

test.after(async () => {
  await registry?.[Symbol.asyncDispose]();
  if (image !== undefined) await succeed('docker', ['image', 'rm', '--force', image]);
});

/** Publishes the tasks of a file of girder-examples; returns the ids of their jobs, in the same order. */
async function published(name: string, values: Readonly<Record<string, unknown>>): Promise<string[]> {
  const tasks = await publishExample(name, { values: { image, ...values } });
  return tasks.map(({ jobId, task }: PublishedTask) => {
    if (jobId === null) throw new Error(`${task} of ${name}.py has no job`);
    return jobId;
  });
}

/** The log of the only job of an example, which must succeed. */
async function logOfSuccess(jobId = ''): Promise<string> {
  const { status, log = [] } = await jobInState(jobId, [succeeded, failed, cancelled], endMs);
  assert.is(status, succeeded, log.join(''));
  // A worker that begins at once is faster than the bridge, which then says its notes after the end.
  return until('the log says where it ran', () => logOf(jobId), {
    holds: (text) => text.includes('Runs on Kubernetes'),
    withinMs: endMs,
    everyMs: 250,
  });
}

/** Each argument and variable on a line of its own, and what the target sees of the options. */
const tell = `
PATH=/; b=/busybox
for one in "$@"; do echo "<$one>"; done
echo "FILE=$FILE N=$N EMPTY=$EMPTY TOKEN=\${#TOKEN}"
$b cat "$FILE"
echo "id=$($b id -u) host=$($b hostname) dir=$($b pwd) files=$(ulimit -n)"
$b grep ' /dev/shm ' /proc/mounts
`;

test('arguments, variables and options of docker-py arrive as Girder Worker would pass them', async () => {
  const file = await aFileIn(root, 'size.txt', Buffer.from('one\n'));
  const [jobId] = await published('plugins/arguments', { script: tell, file_id: file });
  const log = await logOfSuccess(jobId);
  const path = '/mnt/girder_worker/temporary/größe = 1.txt';
  const given = ['3', 'True', 'None', '1e-05', '$(date) $$(x) $HOME', "['a', 1]", file, path, ''];
  for (const one of given) assert.ok(log.includes(`<${one}>\n`), `<${one}> is not in ${log}`);
  assert.match(log, `FILE=${path} N=5 EMPTY= TOKEN=64\none\n`);
  assert.match(log, 'id=1000 host=plugin dir=/mnt files=300');
  assert.match(log, /size=32768k/);
  assert.match(log, 'stdin_open has no effect: the target has no standard input.');
});

/** Fails unless each argument is equal to the next one, and writes what the variables are to the first one. */
const compare = `
out=$1
while [ $# -gt 0 ]; do
  [ "$1" = "$2" ] || { echo "<$1> is not <$2>"; exit 1; }
  shift 2
done
[ -z "$DATA" ] || echo "DATA=$DATA UNSET=\${UNSET-unset}" > "$out"
`;

test('values of a program arrive as Python prints them, with every option of apply_async', async () => {
  const [fileId, folder] = [
    await aFileIn(root, 'any.txt', Buffer.from('any\n')),
    await aFolder('values', root),
  ];
  const values = { image, script: compare, file_id: fileId, folder_id: folder };
  const [task] = await publishExample('plugins/values', { values });
  const log = await logOfSuccess(task?.jobId ?? '');
  assert.match(log, 'girder_client_session_kwargs has no effect');
  assert.match(log, 'is taken from the only temporary volume in which an argument has it');
  assert.match(log, '"UNSET" has no value');
  assert.equal(await textsIn(folder), { 'out.txt': 'DATA=bytes UNSET=\n' });
  const user = await girder<Named>('GET', 'user/me');
  assert.is(await ofRun(task, String.raw`{.metadata.annotations.dockerrun\.dev/girder-user}`), user._id);
});

test('a task without a Girder job is a run all the same, and may have values that no job can have', async () => {
  const values = { image, script: compare, file_id: root };
  const [task] = await publishExample('plugins/without-job', { values });
  assert.is(task?.jobId, null);
  const phase = await until('it has ended', () => ofRun(task, '{.status.phase}'), {
    holds: (now) => now === 'Succeeded' || now === 'Failed',
    withinMs: endMs,
    everyMs: 500,
  });
  assert.is(phase, 'Succeeded', await ofRun(task, '{.status}'));
});

/** A field of the run of a task. */
function ofRun(task: PublishedTask | undefined, path: string): Promise<string> {
  const run = ['--namespace', tasksNamespace, `dockerrun/girder-${task?.taskId}`];
  return succeed('kubectl', ['get', ...run, '-o', `jsonpath=${path}`]);
}

test('a group is runs that do not depend on each other, and an empty entrypoint replaces that of the image', async () => {
  const jobs = await published('plugins/group', {});
  assert.is(jobs.length, 2);
  for (const jobId of jobs) assert.match(await logOfSuccess(jobId), /^no entrypoint$/m);
});

const copy = `
b=/busybox; results=$1 one=$2 scratch=$3; shift 3
$b mkdir -p "$results/below"
echo first > "$results/first.txt"; echo second > "$results/below/second.txt"
echo one > "$one"; echo scratch > "$scratch"
IFS=',
'
for path in $*; do
  [ ! -d "$path" ] || path=$($b find "$path" -type f)
  for file in $path; do echo "read $file: $($b cat "$file")"; done
done
$b grep -c ' /mnt/girder_direct_worker/direct.txt ' /proc/mounts || true
`;

type Named = { readonly _id: string; readonly name: string; readonly mimeType?: string };

/** The names and texts of the files in the items of a folder. */
async function textsIn(folder: string): Promise<Record<string, string>> {
  const items = await girder<Named[]>('GET', `item?folderId=${folder}&limit=0`);
  const files = (await Promise.all(items.map(({ _id: id }) => filesOf(id)))).flat();
  const texts = files.map(async ({ _id: id, name }) => [name, (await download(id)).toString()] as const);
  return Object.fromEntries(await Promise.all(texts));
}

test('items, folders and files arrive, and results go to folders and items with their options', async () => {
  using directory = ScratchDirectory.mountable();
  await writeFile(join(directory.path, 'on-disk.txt'), 'on the disk\n');
  const [input, output] = [await aFolder('input', root), await aFolder('output', root)];
  const files = [
    await aFileIn(input, 'x.txt', Buffer.from('x')),
    await aFileIn(input, 'y.txt', Buffer.from('y')),
  ];
  const item = (await girder<{ itemId: string }>('GET', `file/${files[1]}`)).itemId;
  const { _id: target } = await girder<Named>('POST', `item?folderId=${output}&name=target`);
  const onDisk = join(girderDisk.girder, relative(girderDisk.node, directory.path), 'on-disk.txt');
  const [jobId] = await published('plugins/data', {
    ...{ script: copy, host_dir: directory.path, direct_path: onDisk },
    ...{ item_id: item, folder_id: input, file_ids: files, output_id: output, output_item_id: target },
  });
  const log = await logOfSuccess(jobId);
  const read = [...log.matchAll(/^read (.*): (.*)$/gm)].map(
    ([, path = '', text = '']) => `${path.split('/').at(-1)} ${text}`,
  );
  assert.equal(read.toSorted(), [
    ...['a.txt x', 'a.txt y', 'direct.txt on the disk', 'elsewhere.txt x'],
    ...['x.txt x', 'y.txt y', 'y.txt y'],
  ]);
  assert.match(log, /\/renamed\/x\.txt: x$/m);
  assert.match(log, /^1$/m);
  assert.equal(await textsIn(output), {
    'first.txt': 'first\n',
    'renamed.txt': 'one\n',
    'of-scratch.txt': 'scratch\n',
  });
  const [below] = await girder<Named[]>('GET', `folder?parentType=folder&parentId=${output}`);
  assert.equal(await textsIn(below?._id ?? ''), { 'second.txt': 'second\n' });
  const events = await processedFiles(output);
  const renamed = events.find(({ name }) => name === 'renamed.txt');
  assert.is(renamed?.reference, 'a reference');
  assert.is((await girder<Named>('GET', `file/${renamed?.fileId}`)).mimeType, 'text/x-one');
  assert.equal(await readdir(directory.path), ['on-disk.txt']);
});

const write = `
echo to out > "$1"; echo to err > "$2"; echo to sink > "$4"
echo unnamed > "\${1%/*}/unnamed"
echo '{"message": "half", "current": 1, "total": 2}' > "$3"
`;

test('what the target writes to pipes is in the log, in the progress and at a server', async () => {
  await using sink = await HttpSink.start();
  const [jobId] = await published('plugins/streams', { script: write, sink_url: `${sink.url}/in?a=b` });
  const log = await logOfSuccess(jobId);
  for (const line of ['to out', 'to err', 'unnamed']) assert.match(log, new RegExp(`^${line}$`, 'm'));
  assert.equal((await storedJob(jobId ?? '')).progress, { message: 'half', current: 1, total: 2 });
  assert.is(sink.bytesOf('/in?a=b').toString(), 'to sink\n');
  assert.is(sink.received[0]?.headers.authorization, 'Bearer secret');
});

test('an exit code, a time limit and a missing image end their jobs with ERROR and the reason', async () => {
  const [exit = '', late = '', missing = ''] = await published('plugins/failures', {});
  for (const [jobId, words] of [
    [exit, /before\n[^]*\b3\b/],
    [late, /activeDeadlineSeconds|5 s/],
    [missing, /example\.org\/not\/here:1/],
  ] as const) {
    const { status } = await jobInState(jobId, [succeeded, failed, cancelled], endMs);
    assert.is(status, failed);
    assert.equal(await statesOf(jobId), [running, failed]);
    assert.match(await logOf(jobId), words);
  }
});

test('what cannot be had ends its job with a sentence that says which and what to do', async () => {
  const [chain = '', link = '', zip = '', artifact = '', colour = ''] = await published(
    'plugins/refusals',
    {},
  );
  for (const [jobId, words] of [
    [chain, /the next task of its chain would never start.*publish it in a plugin/],
    [link, /the task that follows its success \(link\) would never start/],
    [zip, /container_args\[1\] is an object of the class "example\.Zip".*put that code into the image/],
    [artifact, /GirderUploadVolumePathJobArtifact uploads to a route that no Girder has; use /],
    [colour, /the keyword "colour", which is neither one of docker_run nor one of docker-py/],
  ] as const) {
    const { status } = await jobInState(jobId, [failed], endMs);
    assert.is(status, failed);
    assert.match(await logOf(jobId), words);
  }
});

test.run();
