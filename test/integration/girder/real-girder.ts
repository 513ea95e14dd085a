import { createHash, randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { GirderClient } from '../../../src/girder/client.ts';
import { openGirder } from '../../../src/girder/open-girder.ts';
import { uploadToItem, type Uploaded } from '../../../src/girder/upload/upload.ts';

const never = new AbortController().signal;
type Json = Record<string, unknown>;

/** The real Girder of the test cluster; without it a test fails and is not skipped. */
export function girderEnvironment(): { apiUrl: string; apiKey: string } {
  const apiUrl = process.env['GIRDER_API_URL'];
  const apiKey = process.env['GIRDER_API_KEY'];
  if (apiUrl !== undefined && apiKey !== undefined) return { apiUrl, apiKey };
  throw new Error(
    'GIRDER_API_URL and GIRDER_API_KEY are not set: run make cluster-up and source .cluster/env',
  );
}

/** A scratch item in the real Girder and a local scratch directory, both removed after the test. */
export class Scratch implements AsyncDisposable {
  readonly admin: GirderClient;
  readonly directory: string;
  readonly itemId: string;

  private constructor(admin: GirderClient, directory: string, itemId: string) {
    this.admin = admin;
    this.directory = directory;
    this.itemId = itemId;
  }

  static async make(): Promise<Scratch> {
    const { apiUrl, apiKey } = girderEnvironment();
    const admin = await openGirder({ apiUrl, credentials: { apiKey }, signal: never });
    const me = await call(admin, 'GET', ['user', 'me']);
    const name = `girder-test-${randomBytes(6).toString('hex')}`;
    const parent = { parentType: 'user', parentId: String(me['_id']), name: 'Private' };
    const [folder] = (await ask(admin, 'GET', ['folder'], parent)) as Json[];
    const item = await call(admin, 'POST', ['item'], { folderId: String(folder?.['_id']), name });
    return new Scratch(admin, await mkdtemp(join(tmpdir(), 'girder-test-')), String(item['_id']));
  }

  /** Writes random bytes to a local file and returns their hash. */
  async randomFile(name: string, size: number): Promise<{ path: string; sha256: string }> {
    const path = join(this.directory, name);
    await using handle = await open(path, 'w');
    const hash = createHash('sha256');
    for (let rest = size; rest > 0;) {
      const block = randomBytes(Math.min(rest, 1024 * 1024));
      hash.update(block);
      await handle.write(block);
      rest -= block.length;
    }
    return { path, sha256: hash.digest('hex') };
  }

  /** Uploads a local file into the scratch item, through `client` if it is given. */
  async upload(path: string, name: string, client = this.admin, signal = never): Promise<Uploaded> {
    await using source = await open(path);
    const { size } = await source.stat();
    return await uploadToItem(client, { itemId: this.itemId, name, source, size }, { signal });
  }

  async files(): Promise<{ name: string; size: number }[]> {
    const files = await ask(this.admin, 'GET', ['item', this.itemId, 'files']);
    return (files as Json[]).map(({ name, size }) => ({ name: String(name), size: Number(size) }));
  }

  /** The number of uploads into the scratch item that have begun and not ended. */
  async unfinishedUploads(): Promise<number> {
    const files = (await ask(this.admin, 'GET', ['item', this.itemId, 'files'])) as Json[];
    const ids = new Set([this.itemId, ...files.map((file) => file['_id'])]);
    const uploads = (await ask(this.admin, 'GET', ['system', 'uploads'], { limit: 0 })) as Json[];
    return uploads.filter((upload) => ids.has(upload['parentId']) || ids.has(upload['fileId'])).length;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await call(this.admin, 'DELETE', ['item', this.itemId]);
    await this.admin.close();
    await rm(this.directory, { recursive: true, force: true });
  }
}

/** Sends any request to the real Girder, for calls that only tests need. */
export function ask(
  client: GirderClient,
  method: 'GET' | 'POST' | 'PUT' | 'DELETE',
  route: string[],
  parameters: Record<string, string | number> = {},
): Promise<unknown> {
  const body = method === 'GET' ? { query: parameters } : { form: parameters };
  const parse = (value: unknown) => value;
  return client.json({ method, route, ...body, subject: route.join('/'), signal: never, parse });
}

/** Like {@link ask}, for answers that are one document. */
export async function call(...given: Parameters<typeof ask>): Promise<Json> {
  return (await ask(...given)) as Json;
}

export async function hashFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) hash.update(chunk);
  return hash.digest('hex');
}
