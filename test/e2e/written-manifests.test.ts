import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { test } from '../fixtures/suite.ts';
import { environment } from './support/environment.ts';
import { aFile, anItem, download, filesOf } from './support/girder.ts';
import { LocalLab } from './support/local-run.ts';

let lab: LocalLab;
const key = () => ({ GIRDER_API_KEY: environment('GIRDER_API_KEY') });

test.before(async () => {
  lab = await LocalLab.open();
});
test.after(() => lab?.[Symbol.asyncDispose]());

type Plan = {
  readonly args: readonly string[];
  readonly env: readonly { readonly name: string; readonly value: string }[];
  readonly mounts: readonly { readonly path: string; readonly readOnly: boolean }[];
  readonly downloads: readonly { readonly from: string }[];
};

test('what the plan of a run says is what its target gets', async () => {
  const [fileId, itemId] = [await aFile('in.txt', Buffer.from('data\n')), await anItem('a planned result')];
  const script =
    'for one in "$@"; do echo "arg $one"; done; echo "env $PLACE"; cat /proc/mounts; cat "$1" > "$3"';
  const run = lab.run({
    command: ['sh', '-ec', script, 'sh'],
    args: ['$(in)', '$(own)/x', '$(out)', '$$(in)', '$(renamed)'],
    env: [{ name: 'PLACE', value: 'at $(temporaryVolume)' }],
    volumes: [{ name: 'own', temporary: { containerPath: '/own' } }],
    transforms: [
      { name: 'in', girderFileIdToVolume: { fileId } },
      { name: 'renamed', girderFileIdToVolume: { fileId, filename: 'a/b.txt', volume: 'own' } },
      { name: 'out', volumePath: { filename: 'out.txt' } },
    ],
    girderResultHooks: [{ girderUploadVolumePathToItem: { volumePath: 'out', itemId } }],
    girder: { apiUrl: environment('GIRDER_API_URL'), credentialsSecretRef: { name: 'girder' } },
  });
  const file = await lab.file(run);
  const planned = await lab.dockerrun(['plan', file, '-o', 'json']);
  assert.is(planned.code, 0, planned.stderr);
  const plan = JSON.parse(planned.stdout.toString()) as Plan;
  const { code, stdout, stderr } = await lab.dockerrun(['run', file], key());
  assert.is(code, 0, stderr);
  const lines = stdout.toString().split('\n');
  const expected = plan.args.map((one) => `arg ${one.replace('<name in Girder>', 'in.txt')}`);
  assert.equal(
    lines.filter((line) => line.startsWith('arg ')),
    expected,
  );
  assert.ok(lines.includes(`env ${plan.env[0]?.value}`));
  for (const { path } of plan.mounts)
    assert.ok(
      lines.some((line) => line.split(' ')[1] === path),
      path,
    );
  assert.equal(
    plan.downloads.map(({ from }) => from),
    [`file ${fileId}`, `file ${fileId}`],
  );
});

test('a call in Python becomes a manifest that does what the call does', async () => {
  const [fileId, itemId] = [
    await aFile('numbers.txt', Buffer.from('1\n2\n3\n')),
    await anItem('a converted result'),
  ];
  const program = `
from girder_worker.docker.tasks import docker_run
from girder_worker.docker.transforms import Connect, NamedInputPipe, VolumePath
from girder_worker.docker.transforms.girder import (
    GirderFileIdToStream, GirderFileIdToVolume, GirderUploadVolumePathToItem)

script = '''
awk '{ sum += $1 } END { print sum }' "$1" > "$3"
wc -l < "$2" >> "$3"
'''
total = VolumePath('sum.txt')

def handle(event, item):
    docker_run.delay(
        'busybox:local', pull_image=False, entrypoint=['sh', '-ec'],
        container_args=[
            script, 'sh', GirderFileIdToVolume(str(event.info['file']['_id'])),
            Connect(GirderFileIdToStream(str(event.info['file']['_id'])), NamedInputPipe('stream')), total],
        girder_result_hooks=[GirderUploadVolumePathToItem(total, item['_id'])])
`;
  const source = join(lab.directory, 'plugin.py');
  await writeFile(source, program);
  const values = [`event.info['file']['_id']=${fileId}`, `item['_id']=${itemId}`].flatMap((one) => [
    '--set',
    one,
  ]);
  const address = ['--girder-api-url', environment('GIRDER_API_URL')];
  const converted = await lab.dockerrun(['convert', source, ...values, ...address]);
  assert.is(converted.code, 0, converted.stderr);
  assert.match(
    converted.stderr,
    /^dockerrun: \S+plugin\.py:14: the run reads and writes Girder with the key/,
  );
  const { code, stderr } = await lab.dockerrun(['run', '-'], key(), converted.stdout.toString());
  assert.is(code, 0, stderr);
  const [result] = await filesOf(itemId);
  assert.is(result?.name, 'sum.txt');
  assert.is((await download(result?._id ?? '')).toString(), '6\n3\n');
});

test('a call with values that only Python has becomes a manifest that fails before its target starts', async () => {
  const source = join(lab.directory, 'unknown.py');
  await writeFile(
    source,
    "docker_run.delay('busybox:local', False, container_args=[GirderFileIdToVolume(file['_id'])])",
  );
  const converted = await lab.dockerrun([
    'convert',
    source,
    '--girder-api-url',
    environment('GIRDER_API_URL'),
  ]);
  assert.is(converted.code, 1);
  assert.match(converted.stderr, /unknown\.py:1: file\['_id'\] has no value here/);
  const { code, stderr, stdout } = await lab.dockerrun(['run', '-'], key(), converted.stdout.toString());
  assert.is(code, 64, stderr);
  assert.match(stderr, /GirderNotFound/);
  assert.is(stdout.toString(), '');
});

test.run();
