import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { downloadFolder, downloadItem } from '../../../src/girder/download/download.ts';
import { openGirder } from '../../../src/girder/open-girder.ts';
import { deadline } from '../../../src/support/abort.ts';
import { RunError } from '../../../src/support/errors.ts';
import { girderEnvironment } from './real-girder.ts';
import { readTree, ScratchFolder } from './scratch-folder.ts';

/** Lists of Girder as plugins and servers in between change them: what is listed arrives, or the run fails. */

const never = new AbortController().signal;
const { apiUrl, apiKey } = girderEnvironment();

/** Changes the query of a request for a list. */
type Change = (query: URLSearchParams, requests: number) => void;

/** The real Girder with a plugin that changes the query of each request for a list. */
class ChangedLists implements AsyncDisposable {
  readonly #server: Server;
  #requests = 0;

  private constructor(change: Change) {
    this.#server = createServer((incoming, outgoing) => {
      const url = new URL(incoming.url ?? '', apiUrl);
      const isList = /\/(item|folder|files)$/.test(url.pathname) && url.searchParams.has('limit');
      if (isList) change(url.searchParams, (this.#requests += 1));
      const headers = { 'girder-token': String(incoming.headers['girder-token'] ?? '') };
      const chunks: Buffer[] = [];
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
      incoming.on('end', () => {
        const body =
          incoming.method === 'POST' ? new URLSearchParams(Buffer.concat(chunks).toString()) : null;
        const method = incoming.method ?? 'GET';
        fetch(url, { method, headers, body, signal: deadline(20_000) })
          .then(async (answer) => {
            const bytes = Buffer.from(await answer.arrayBuffer());
            outgoing.writeHead(answer.status, { 'content-length': bytes.length }).end(bytes);
          })
          .catch(() => outgoing.destroy());
      });
    });
  }

  static async start(change: Change): Promise<ChangedLists> {
    const lists = new ChangedLists(change);
    await new Promise<void>((resolve) => lists.#server.listen(0, '127.0.0.1', resolve));
    return lists;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/api/v1`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

const names = ['e', 'c', 'a', 'd', 'b', 'g', 'f'];
const cap = (most: number) => (query: URLSearchParams) => {
  const limit = Number(query.get('limit'));
  query.set('limit', String(limit === 0 ? most : Math.min(most, limit)));
};
const byName = (query: URLSearchParams) => query.set('sort', 'name');

const changes: readonly { readonly what: string; readonly change: Change; readonly arrives: boolean }[] = [
  { what: 'pages are shorter than requested', change: cap(2), arrives: true },
  { what: 'pages are much shorter than requested', change: cap(3), arrives: true },
  { what: 'the lists have another order', change: byName, arrives: true },
  {
    what: 'the lists have the opposite order',
    change: (query) => query.set('sortdir', '-1'),
    arrives: true,
  },
  {
    what: 'the lists have another order and shorter pages',
    change: (query) => {
      byName(query);
      cap(3)(query);
    },
    arrives: false,
  },
  {
    what: 'the order changes between pages',
    change: (query, requests) => {
      cap(3)(query);
      query.set('sortdir', requests % 2 === 0 ? '-1' : '1');
    },
    arrives: false,
  },
  {
    what: 'the offset is ignored',
    change: (query) => (query.set('offset', '0'), cap(3)(query)),
    arrives: false,
  },
];

for (const { what, change, arrives } of changes) {
  test(`a folder ${arrives ? 'arrives complete' : 'fails, and nothing of it arrives,'} although ${what}`, async () => {
    await using scratch = await ScratchFolder.make();
    const sub = await scratch.folder('inner');
    for (const name of names) {
      await scratch.folder(`folder ${name}`);
      await scratch.item(name, [[name, name]]);
    }
    await scratch.item(
      'set',
      names.map((name) => [name, name] as const),
      sub,
    );
    await using lists = await ChangedLists.start(change);
    const client = await openGirder({ apiUrl: lists.url, credentials: { apiKey }, signal: never });
    const { folderId, directory: into } = scratch;
    const target = { folderId, into, folderName: 'data' };
    const got = await downloadFolder(client, target, { signal: never }).catch((error: unknown) => error);
    await client.close();
    const tree = await readTree(into);
    if (!arrives) {
      assert.instance(got, RunError);
      assert.is((got as RunError).reason, 'GirderUnavailable');
      assert.match((got as RunError).message, /cannot list (folder|item) .* in Girder/);
      assert.equal(tree, {});
      return;
    }
    assert.not.instance(got, Error);
    const expected = names.flatMap((name) => [
      [name, name],
      [`inner/set/${name}`, name],
      [`folder ${name}`, null],
    ]);
    const paths = expected.map(([path, text]) => [join(folderId, 'data', String(path)), text] as const);
    assert.equal(tree, Object.fromEntries(paths));
  });
}

test('names that differ only in case, in the form of their accents, or in what is cut all arrive', async () => {
  await using scratch = await ScratchFolder.make();
  const long = 'ä'.repeat(200);
  const files = [
    'A.txt',
    'a.txt',
    'caf\u00e9',
    'cafe\u0301',
    `${long}1`,
    `${long}2`,
    '.',
    '..',
    'a/b',
    'a_b',
  ];
  const itemId = await scratch.item(
    'set',
    files.map((name, index) => [name, String(index)] as const),
  );
  const { relativePath } = await downloadItem(
    scratch.admin,
    { itemId, into: scratch.directory },
    { signal: never },
  );
  const tree = await readTree(join(scratch.directory, relativePath));
  assert.equal(
    Object.values(tree).toSorted(),
    files.map((_, index) => String(index)),
  );
  for (const name of files.slice(0, 4)) assert.is(tree[name], String(files.indexOf(name)), name);
  for (const name of Object.keys(tree)) assert.ok(Buffer.byteLength(name) <= 255);
});

test.run();
