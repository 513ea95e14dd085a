import { randomBytes } from 'node:crypto';
import { test } from '../fixtures/suite.ts';
import * as assert from 'uvu/assert';
import { environment } from './support/environment.ts';
import { aFile, anItem, download, filesOf, session, sha256 } from './support/girder.ts';
import { copyOf, girderOf } from './support/job-run.ts';
import { containersOf, Lab } from './support/runs.ts';

const mebibyte = 2 ** 20;
let lab: Lab;

test.before(async () => {
  lab = await Lab.open('round-trip');
});
test.after(() => lab.close());

test('100 MiB of random bytes pass from Girder through the target to Girder unchanged', async () => {
  const bytes = randomBytes(100 * mebibyte);
  const [fileId, itemId] = [await aFile('in.bin', bytes), await anItem('out')];
  await lab.run('copy', copyOf(fileId, itemId));
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

const failing = { command: ['sh', '-c', 'echo "step 1"; echo "cannot read header" >&2; exit 3'] };

test('the output of a failed run is a file of Girder, which its message names, and the log of its pod', async () => {
  const itemId = await anItem('logs');
  await lab.run('kept-log', { ...failing, girder: { ...girderOf(), log: { itemId, when: 'OnFailure' } } });
  const { reason, message = '', results } = await lab.ended('kept-log');
  assert.is(reason, 'TargetFailed', message);
  assert.match(message, `the output of the target is kept-log.log in item ${itemId} of Girder`);
  const [file, ...others] = await filesOf(itemId);
  assert.equal([file?.name, others], ['kept-log.log', []]);
  assert.equal(
    results?.map(({ fileId }) => fileId),
    [file?._id],
  );
  const stored = (await download(file?._id ?? '')).toString();
  for (const text of [stored, await lab.output('kept-log')])
    assert.equal(text.split('\n').sort(), ['', 'cannot read header', 'step 1']);
});

test('the output of a failed run whose stdout becomes a file of Girder is in the log of its pod', async () => {
  const itemId = await anItem('stream');
  const output = { girderStreamToItem: { itemId, filename: 'run.log' } };
  await lab.run('streamed', {
    ...failing,
    transforms: [{ name: 'log', connect: { input: { containerStdOut: {} }, output } }],
    girder: girderOf(),
  });
  const { reason, message = '' } = await lab.ended('streamed');
  assert.is(reason, 'TargetFailed', message);
  assert.match(message, "Check the target's output in the log of the run's pod.");
  assert.equal((await lab.output('streamed')).split('\n').sort(), ['', 'cannot read header', 'step 1']);
  assert.equal(await filesOf(itemId), [], 'a stream of a failed run is not a result');
});

test('a link in a result becomes a file with links: Follow, unless it leads out of the volume', async () => {
  const upload = async (name: string, target: string) => {
    const itemId = await anItem(name);
    await lab.run(name, {
      command: ['sh', '-c', 'mkdir "$0"; echo 1 > "$0/run-1.csv"; ln -s "$1" "$0/latest.csv"'],
      args: ['$(out)', target],
      transforms: [{ name: 'out', volumePath: { filename: 'out' } }],
      girderResultHooks: [{ girderUploadVolumePathToItem: { volumePath: 'out', itemId, links: 'Follow' } }],
      girder: girderOf(),
    });
    const status = await lab.ended(name);
    return { status, names: (await filesOf(itemId)).map((file) => file.name).sort() };
  };
  const inside = await upload('link-inside', 'run-1.csv');
  assert.is(inside.status.phase, 'Succeeded', inside.status.message);
  assert.equal(inside.names, ['latest.csv', 'run-1.csv']);
  const outside = await upload('link-outside', '/etc/passwd');
  assert.is(outside.status.reason, 'OutputUnsafe', outside.status.message);
  assert.equal(outside.names, ['run-1.csv']);
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
