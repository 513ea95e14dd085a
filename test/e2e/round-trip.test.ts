import { randomBytes } from 'node:crypto';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { environment } from './support/environment.ts';
import { aFile, anItem, download, filesOf, session, sha256 } from './support/girder.ts';
import { containersOf, Lab } from './support/runs.ts';

const mebibyte = 2 ** 20;
const girderOf = () => ({ apiUrl: environment('GIRDER_API_URL'), credentialsSecretRef: { name: 'girder' } });
let lab: Lab;

test.before(async () => {
  lab = await Lab.open('round-trip');
});
test.after(() => lab.close());

test('100 MiB of random bytes pass from Girder through the target to Girder unchanged', async () => {
  const bytes = randomBytes(100 * mebibyte);
  const [fileId, itemId] = [await aFile('in.bin', bytes), await anItem('out')];
  await lab.run('copy', {
    command: ['sh', '-c', 'cp "$1" "$2"', 'copy'],
    args: ['$(in)', '$(out)'],
    transforms: [
      { name: 'in', girderFileIdToVolume: { fileId } },
      { name: 'out', volumePath: { filename: 'out.bin' } },
    ],
    girderResultHooks: [{ girderUploadVolumePathToItem: { volumePath: 'out', itemId } }],
    girder: girderOf(),
  });
  const status = await lab.ended('copy');
  assert.is(status.phase, 'Succeeded', status.message);
  const [file] = await filesOf(itemId);
  assert.is(file?.name, 'out.bin');
  assert.is(sha256(await download(file?._id ?? '')), sha256(bytes));
  const url = `${environment('GIRDER_API_URL').replace('/api/v1', '')}/#item/${itemId}`;
  assert.equal(status.results, [
    { hook: 0, itemId, fileId: file?._id, name: 'out.bin', size: bytes.length, sha256: sha256(bytes), url },
  ]);
  assert.equal(await containersOf((await lab.get('copy')).metadata.uid), []);
});

test('a result replaces the file of the same name in its item', async () => {
  const itemId = await anItem('replaced');
  for (const [name, text] of [
    ['first', 'old'],
    ['second', 'newer'],
  ] as const) {
    await lab.run(name, {
      command: ['sh', '-c', `printf ${text} > $(out)`],
      transforms: [{ name: 'out', volumePath: { filename: 'result.txt' } }],
      girderResultHooks: [{ girderUploadVolumePathToItem: { volumePath: 'out', itemId } }],
      girder: girderOf(),
    });
    assert.is((await lab.ended(name)).phase, 'Succeeded');
  }
  const files = await filesOf(itemId);
  assert.is(files.length, 1);
  assert.is((await download(files[0]?._id ?? '')).toString(), 'newer');
});

test('empty files are downloaded and uploaded as empty files', async () => {
  const [fileId, itemId] = [await aFile('empty', Buffer.alloc(0)), await anItem('empty out')];
  await lab.run('empty', {
    command: ['cp', '$(in)', '$(out)'],
    transforms: [
      { name: 'in', girderFileIdToVolume: { fileId, filename: 'deep/in/here.bin' } },
      { name: 'out', volumePath: { filename: 'empty.bin' } },
    ],
    girderResultHooks: [{ girderUploadVolumePathToItem: { volumePath: 'out', itemId } }],
    girder: girderOf(),
  });
  assert.is((await lab.ended('empty')).phase, 'Succeeded');
  assert.is((await filesOf(itemId))[0]?.size, 0);
});

test('the log of the pod is exactly what the target writes to stdout and stderr', async () => {
  const lines = 200_000;
  await lab.run('chatty', {
    command: [
      'sh',
      '-c',
      `awk 'BEGIN { for (i = 1; i <= ${lines}; i++) print "line " i " of stdout" }'; printf "no line end" >&2`,
    ],
  });
  assert.is((await lab.ended('chatty')).phase, 'Succeeded');
  const expected = Array.from({ length: lines }, (_, index) => `line ${index + 1} of stdout\n`).join('');
  const log = (await lab.log('chatty')).toString();
  assert.is(log.length, expected.length + 'no line end'.length);
  assert.is(log.replace('no line end', ''), expected);
});

test('a token works in place of an API key, and is still valid afterwards', async () => {
  await lab.secret('token', { token: await session() });
  const fileId = await aFile('token.txt', Buffer.from('by token'));
  await lab.run('by-token', {
    args: ['cat', '$(in)'],
    transforms: [{ name: 'in', girderFileIdToVolume: { fileId } }],
    girder: { ...girderOf(), credentialsSecretRef: { name: 'token' } },
  });
  const status = await lab.ended('by-token');
  assert.is(status.phase, 'Succeeded', status.message);
  assert.is(await lab.output('by-token'), 'by token');
  assert.is((await download(fileId)).toString(), 'by token');
});

test('one file under two names is downloaded once', async () => {
  const fileId = await aFile('twice.txt', Buffer.from('twice'));
  await lab.run('twice', {
    args: ['cat', '$(one)', '$(two)'],
    transforms: ['one', 'two'].map((name) => ({ name, girderFileIdToVolume: { fileId } })),
    girder: girderOf(),
  });
  assert.is((await lab.ended('twice')).phase, 'Succeeded');
  assert.is(await lab.output('twice'), 'twicetwice');
});

test('the credentials of Girder appear only in their Secret', async () => {
  const fileId = await aFile('small.txt', Buffer.from('small'));
  await lab.run('quiet', {
    command: ['sh', '-c', 'env; cat $(in)'],
    transforms: [{ name: 'in', girderFileIdToVolume: { fileId } }],
    girder: girderOf(),
  });
  await lab.ended('quiet');
  const everything = [
    await lab.kubectl('get', 'dockerruns,jobs,pods,events', '-o', 'yaml'),
    (await lab.log('quiet')).toString(),
    await lab.kubectl('logs', '--namespace', 'dockerrun-system', 'deployment/dockerrun-controller'),
  ].join('\n');
  assert.not.match(everything, environment('GIRDER_API_KEY'));
});

test.run();
