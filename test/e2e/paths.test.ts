import * as assert from 'uvu/assert';
import { environment } from './support/environment.ts';
import { aFile, anItem, download, filesOf, girder } from './support/girder.ts';
import { Lab, untilReleased } from './support/runs.ts';
import { concurrentTest } from './support/concurrent-tests.ts';

const test = concurrentTest();
let lab: Lab;

/** The kubelet updates a mounted Secret within its sync period, and the worker waits for that. */
const renewalSeconds = 240;

test.before(async () => {
  lab = await Lab.open('paths');
});
test.after(() => lab.close());

const unique = `paths-${Date.now().toString(36)}`;
const girderWith = (name: string) => ({
  apiUrl: environment('GIRDER_API_URL'),
  credentialsSecretRef: { name },
});

/** Writes a result once the test lets it. */
const writing = (itemId: string, secret: string) => ({
  command: ['sh', '-c', `${untilReleased}; echo done > $0`],
  args: ['$(out)'],
  transforms: [{ name: 'out', volumePath: { filename: 'out.txt' } }],
  girderResultHooks: [{ girderUploadVolumePathToItem: { volumePath: 'out', itemId } }],
  girder: girderWith(secret),
});

async function testsFolder(): Promise<string> {
  const { login } = await girder<{ login: string }>('GET', 'user/me');
  return `/user/${login}/dockerrun-tests`;
}

async function aToken(): Promise<string> {
  const body = new URLSearchParams({ key: environment('GIRDER_API_KEY') });
  const made = await fetch(`${environment('GIRDER_API_URL')}/api_key/token`, { method: 'POST', body });
  return ((await made.json()) as { authToken: { token: string } }).authToken.token;
}

async function logOut(token: string): Promise<void> {
  const headers = { 'Girder-Token': token };
  await fetch(`${environment('GIRDER_API_URL')}/token/session`, { method: 'DELETE', headers });
}

test('a run finds its input by a path, and its result is in a folder that did not exist', async () => {
  await aFile(`${unique}.txt`, Buffer.from('by path'));
  const folder = await testsFolder();
  const path = `${folder}/${unique}/deep`;
  await lab.run('by-path', {
    command: ['sh', '-c', 'cat "$0" > "$1"'],
    args: ['$(in)', '$(out)'],
    transforms: [
      { name: 'in', girderFileIdToVolume: { path: `${folder}/${unique}.txt/${unique}.txt` } },
      { name: 'out', volumePath: { filename: 'copy.txt' } },
    ],
    girderResultHooks: [{ girderUploadVolumePathToFolder: { volumePath: 'out', path, createFolder: true } }],
    girder: girderWith('girder'),
  });
  const status = await lab.ended('by-path');
  assert.is(status.phase, 'Succeeded', status.message);
  const fileId = status.results?.[0]?.fileId ?? '';
  assert.is((await download(fileId)).toString(), 'by path');
  const found = await girder<{ _id: string }>(
    'GET',
    `resource/lookup?path=${encodeURIComponent(`${path}/copy.txt/copy.txt`)}`,
  );
  assert.is(found._id, fileId);
});

test('the API server refuses an id beside a path, neither, and a path that leads to no folder', async () => {
  const reading = (file: object) => ({
    transforms: [{ name: 'in', girderFileIdToVolume: file }],
    girder: girderWith('girder'),
  });
  const path = '/collection/a/b';
  const both = await lab.refusal('both', reading({ path, fileId: '0'.repeat(24) }));
  assert.match(both, /set exactly one of fileId, path/);
  assert.match(await lab.refusal('neither', reading({})), /set exactly one of fileId, path/);
  assert.match(await lab.refusal('short', reading({ path: '/collection/a' })), /must be a path of Girder/);
});

test('a key that may only read fails a run with results before its target starts', async () => {
  const query = new URLSearchParams({ name: unique, scope: '["core.data.read"]', active: 'true' });
  const { _id, key } = await girder<{ _id: string; key: string }>('POST', `api_key?${query.toString()}`);
  try {
    await lab.secret('read-only', { apiKey: key });
    await lab.run('read-only', writing(await anItem(`${unique} read-only`), 'read-only'));
    const status = await lab.ended('read-only');
    assert.is(status.reason, 'GirderForbidden', status.message);
    assert.match(status.message ?? '', 'lacks the scope core.data.write');
    assert.is(status.target, undefined, 'no target was started');
  } finally {
    await girder('DELETE', `api_key/${_id}`);
  }
});

test('several mistakes are reported in one message before the target starts', async () => {
  const run = writing('0'.repeat(24), 'girder');
  const input = { name: 'in', girderItemIdToVolume: { path: `${await testsFolder()}/${unique}-nosuch` } };
  await lab.run('mistakes', { ...run, transforms: [...run.transforms, input] });
  const { reason, message = '', target } = await lab.ended('mistakes');
  assert.is(reason, 'GirderNotFound', message);
  assert.match(message, /^2 inputs or destinations .*[tT]ransform in: .*girderResultHooks\[0\]/);
  assert.is(target, undefined, 'no target was started');
});

test('a user logs out while a run runs, and the result is uploaded with the token of the renewed Secret', async () => {
  const itemId = await anItem(`${unique} logs out`);
  const [old, renewed] = [await aToken(), await aToken()];
  await lab.secret('logs-out', { token: old });
  await lab.run('logs-out', writing(itemId, 'logs-out'));
  await lab.running('logs-out');
  const isNamed = ({ status }: { status: { message?: string } }) =>
    status.message?.includes('the token of the run ends at') === true;
  await lab.until('logs-out', 'names the end of its token', { holds: isNamed });
  await logOut(old);
  const data = { token: Buffer.from(renewed).toString('base64') };
  await lab.kubectl('patch', 'secret', 'logs-out', '--patch', JSON.stringify({ data }));
  await lab.release('logs-out');
  const end = await lab.ended('logs-out', renewalSeconds);
  assert.is(end.phase, 'Succeeded', end.message);
  assert.is((await filesOf(itemId)).length, 1);
  await logOut(renewed);
});

test.run();
