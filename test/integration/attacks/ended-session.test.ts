import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { GirderClient } from '../../../src/girder/client.ts';
import type { GirderCredentials } from '../../../src/girder/credentials.ts';
import { downloadFolder } from '../../../src/girder/download/download.ts';
import { openGirder } from '../../../src/girder/open-girder.ts';
import { RunError } from '../../../src/support/errors.ts';
import { FaultProxy } from '../../fixtures/fault-proxy.ts';
import { call, girderEnvironment } from '../girder/real-girder.ts';
import { readTree, ScratchFolder } from '../girder/scratch-folder.ts';

const { apiUrl, apiKey } = girderEnvironment();
const never = new AbortController().signal;
const names = ['a', 'b', 'c', 'd', 'e'];

/** A public folder whose subfolders are private: without a session Girder lists none of them, with status 200. */
async function publicWithPrivate(scratch: ScratchFolder): Promise<string> {
  const folder = async (name: string, parentId: string, isPublic: boolean) => {
    const form = { parentType: 'folder', parentId, name, public: String(isPublic) };
    return String((await call(scratch.admin, 'POST', ['folder'], form))['_id']);
  };
  const top = await folder('public', scratch.folderId, true);
  for (const name of names) {
    const inner = await folder(name, top, false);
    await scratch.item(`${name}.txt`, [[`${name}.txt`, name]], inner);
  }
  return top;
}

async function deleteSession(token: string): Promise<void> {
  const headers = { 'Girder-Token': token };
  await fetch(`${apiUrl}/token/session`, { method: 'DELETE', headers, signal: AbortSignal.timeout(20_000) });
}

/** Ends the session of `client` when it asks for `part`, which Girder then answers as to a stranger. */
function endSessionAt(proxy: FaultProxy, part: string): void {
  proxy.fail('GET', part, { first: ({ headers }) => deleteSession(String(headers['girder-token'])) });
}

async function download(client: GirderClient, folderId: string, scratch: ScratchFolder): Promise<string> {
  const options = { signal: never, pageSize: 2 };
  return downloadFolder(client, { folderId, into: scratch.directory }, options).then(
    ({ files }) => `${files} files`,
    (error: unknown) => (error instanceof RunError ? error.reason : String(error)),
  );
}

const credentials: [string, () => Promise<GirderCredentials>, string][] = [
  ['an API key', async () => ({ apiKey }), '5 files'],
  [
    'a token',
    async () => {
      const answer = await fetch(`${apiUrl}/api_key/token`, {
        method: 'POST',
        body: new URLSearchParams({ key: apiKey }),
        signal: AbortSignal.timeout(20_000),
      });
      return ((await answer.json()) as { authToken: { token: string } }).authToken;
    },
    'GirderUnauthorized',
  ],
];

for (const [what, make, reason] of credentials) {
  for (const part of ['offset=0', 'offset=1', 'offset=3']) {
    test(`a session of ${what} that ends while a folder is listed (${part}) never shortens the folder`, async () => {
      await using scratch = await ScratchFolder.make();
      const folderId = await publicWithPrivate(scratch);
      await using proxy = await FaultProxy.start(apiUrl);
      const client = await openGirder({ apiUrl: proxy.url, credentials: await make(), signal: never });
      endSessionAt(proxy, `/folder?parentType=folder&parentId=${folderId}&limit=2&${part}`);
      assert.is(await download(client, folderId, scratch), reason);
      await client.close();
    });
  }
}

test('a folder is complete while the session lasts', async () => {
  await using scratch = await ScratchFolder.make();
  const folderId = await publicWithPrivate(scratch);
  const client = await openGirder({ apiUrl, credentials: { apiKey }, signal: never });
  assert.is(await download(client, folderId, scratch), '5 files');
  const tree = await readTree(scratch.directory);
  assert.equal(
    Object.keys(tree),
    names.map((name) => `${folderId}/public/${name}/${name}.txt`),
  );
  await client.close();
});

test.run();
