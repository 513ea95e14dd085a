import { aFolder, girder } from './girder.ts';

/** The data in Girder that examples/girder-worker reads; the ids replace those in the manifests. */
export type ExampleInputs = {
  /** A file with the numbers from 1 to 30000, one per line: more than fits into two pipes. */
  readonly fileId: string;
  /** An item with the files slice-1.txt and slice-2.txt, and with {"modality": "CT"} as metadata. */
  readonly itemId: string;
  /** A folder with whole.txt, and left/lung.txt in a subfolder. */
  readonly folderId: string;
};

export const numbers = Buffer.from(Array.from({ length: 30_000 }, (_, index) => `${index + 1}\n`).join(''));

type Document = { _id: string };

/** Creates everything that the examples read, in a folder of this name. */
export async function exampleInputs(name: string): Promise<ExampleInputs> {
  const parent = await aFolder(name);
  const item = await girder<Document>('POST', `item?folderId=${parent}&name=series`);
  await put({ type: 'item', id: item._id }, 'slice-1.txt', 'one');
  await put({ type: 'item', id: item._id }, 'slice-2.txt', 'two');
  const folderId = await aFolder('patients', parent);
  const metadata = new URLSearchParams({ metadata: '{"modality": "CT"}' }).toString();
  await girder('PUT', `item/${item._id}/metadata?${metadata}`);
  await put({ type: 'folder', id: folderId }, 'whole.txt', 'both');
  const left = await aFolder('left', folderId);
  await put({ type: 'folder', id: left }, 'lung.txt', 'left');
  const fileId = await put({ type: 'folder', id: parent }, 'numbers.txt', numbers);
  return { fileId, itemId: item._id, folderId };
}

type Parent = { readonly type: 'folder' | 'item'; readonly id: string };

/** A file in a folder gets an item of its own, with the same name. */
async function put({ type, id }: Parent, name: string, content: string | Buffer): Promise<string> {
  const bytes = Buffer.from(content);
  const query = `parentType=${type}&parentId=${id}&name=${encodeURIComponent(name)}&size=${bytes.length}`;
  return (await girder<Document>('POST', `file?${query}`, bytes))._id;
}
