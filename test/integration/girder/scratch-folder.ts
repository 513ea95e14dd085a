import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { GirderClient } from '../../../src/girder/client.ts';
import { openGirder } from '../../../src/girder/open-girder.ts';
import { deadline } from '../../../src/support/abort.ts';
import { ask, call, girderEnvironment } from './real-girder.ts';

const never = new AbortController().signal;
type Document = { _id: string; name: string };

/** A scratch folder in the real Girder and a local scratch directory, both removed after the test. */
export class ScratchFolder implements AsyncDisposable {
  readonly admin: GirderClient;
  readonly directory: string;
  readonly folderId: string;
  readonly name: string;

  readonly #token: string;

  private constructor(
    { admin, token }: { admin: GirderClient; token: string },
    directory: string,
    folder: Document,
  ) {
    this.admin = admin;
    this.#token = token;
    this.directory = directory;
    this.folderId = folder._id;
    this.name = folder.name;
  }

  static async make(): Promise<ScratchFolder> {
    const { apiUrl, apiKey } = girderEnvironment();
    const admin = await openGirder({ apiUrl, credentials: { apiKey }, signal: never });
    const me = await call(admin, 'GET', ['user', 'me']);
    const home = { parentType: 'user', parentId: String(me['_id']), name: 'Private' };
    const [parent] = (await ask(admin, 'GET', ['folder'], home)) as Document[];
    const form = {
      parentType: 'folder',
      parentId: String(parent?._id),
      name: `girder-test-${randomBytes(6).toString('hex')}`,
    };
    const folder = (await call(admin, 'POST', ['folder'], form)) as Document;
    const { authToken } = await call(admin, 'POST', ['api_key', 'token'], { key: apiKey });
    const { token } = authToken as { token: string };
    const directory = await mkdtemp(join(tmpdir(), 'girder-test-'));
    return new ScratchFolder({ admin, token }, directory, folder);
  }

  async folder(name: string, parentId = this.folderId): Promise<string> {
    return (await this.#make('folder', { parentType: 'folder', parentId, name }))._id;
  }

  /** Creates an item with files; two files may have the same name. */
  async item(name: string, files: readonly (readonly [string, string])[] = [], folderId = this.folderId) {
    const { _id: itemId } = await this.#make('item', { folderId, name });
    for (const [file, text] of files) await this.file(itemId, file, text);
    return itemId;
  }

  /** Creates a file through Girder's API alone, without the code under test. */
  async file(itemId: string, name: string, text: string): Promise<string> {
    const size = Buffer.byteLength(text);
    const query = { parentType: 'item', parentId: itemId, name, size: String(size) };
    const url = `${this.admin.apiUrl}/file?${new URLSearchParams(query).toString()}`;
    const headers = { 'Girder-Token': this.#token, 'Content-Type': 'application/octet-stream' };
    const answer = await fetch(url, { method: 'POST', headers, body: text, signal: deadline(20_000) });
    return ((await answer.json()) as Document)._id;
  }

  /** Creates a file that is only a link to `linkUrl`. */
  async link(itemId: string, name: string, linkUrl: string): Promise<string> {
    return (await this.#make('file', { parentType: 'item', parentId: itemId, name, linkUrl }))._id;
  }

  // For folders, items and files.
  async #make(kind: string, form: Record<string, string | number>): Promise<Document> {
    return (await call(this.admin, 'POST', [kind], form)) as Document;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Girder deletes a single folder through its task queue, which the test cluster does not have.
    const resources = JSON.stringify({ folder: [this.folderId] });
    await ask(this.admin, 'DELETE', ['resource'], { resources });
    await this.admin.close();
    await rm(this.directory, { recursive: true, force: true });
  }
}

/** Every file below a directory with its text, and every empty directory with null, by relative path. */
export async function readTree(directory: string): Promise<Record<string, string | null>> {
  const tree: Record<string, string | null> = {};
  const visit = async (path: string): Promise<void> => {
    const entries = await readdir(join(directory, path), { withFileTypes: true });
    if (entries.length === 0 && path !== '') tree[path] = null;
    for (const entry of entries) {
      const inner = join(path, entry.name);
      if (entry.isDirectory()) await visit(inner);
      else tree[inner] = await readFile(join(directory, inner), 'utf8');
    }
  };
  await visit('');
  return tree;
}
