import { randomUUID } from 'node:crypto';
import { statSync, writeFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as pass } from 'node:timers/promises';
import { GirderClient } from '../../../src/girder/client.ts';
import { parseApiUrl } from '../../../src/girder/api-url.ts';
import { TokenSource } from '../../../src/girder/credentials.ts';
import { uploadPath } from '../../../src/girder/upload/upload-path.ts';
import { inodeOf } from '../../../src/io/confined-change.ts';
import { openDirectory } from '../../../src/io/confined.ts';
import { walkTree } from '../../../src/io/walk.ts';
import { createLogger } from '../../../src/support/log.ts';
import { removeDirectory } from '../../../src/io/remove-tree.ts';
import { StagedFiles } from '../../../src/worker/stage/journal.ts';
import { aContext, aVolume } from '../../fixtures/builders-worker.ts';

/** Does one of a worker's tasks with the files that a target left in a directory, and prints how it ended. */
const [what = '', root = '', name = ''] = process.argv.slice(2);

const works: Record<string, () => Promise<unknown>> = {
  remove: () => removeDirectory(root, name),
  sweep: () => {
    const log = createLogger('warn', { write: (line) => void process.stdout.write(line) });
    const signal = AbortSignal.timeout(2_000);
    return StagedFiles.sweep({ log, signal }, name, { localPath: root, name: 'data' });
  },
  // What a download of a folder of 200,000 files notes, and the end of its run.
  stage: async () => {
    const volume = aVolume('data', { localPath: join(root, name) });
    const staged = new StagedFiles();
    await staged.begin(aContext(), [volume]);
    for (let index = 0; index < 200_000; index += 1) {
      const path = `a-folder-of-many-files/${String(index).padStart(60, '0')}.png`;
      if (index === 0) staged.note(volume, { path: dirname(path) });
      if (index === 0) await mkdir(join(root, name, dirname(path)));
      staged.note(volume, { path: join(dirname(path), `.dockerrun-${randomUUID()}.part`) });
      writeFileSync(join(root, name, path), '');
      staged.note(volume, { path, inode: inodeOf(statSync(join(root, name, path), { bigint: true })) });
    }
    const signal = AbortSignal.timeout(300_000);
    await staged.remove(
      { log: createLogger('info', { write: (line) => void process.stdout.write(line) }) },
      signal,
    );
  },
  walk: async () => {
    await using directory = await openDirectory(root, [name]);
    for await (const entry of walkTree(directory, { maxDepth: 100, maxEntries: 200_000 }))
      if (entry.kind === 'file') await entry.handle.close();
  },
  // No Girder runs here: the walk must reach its limit before the first request.
  upload: () => {
    const client = new GirderClient(
      parseApiUrl('http://127.0.0.1:1/api/v1'),
      new TokenSource({ token: 't' }),
    );
    const options = { signal: AbortSignal.timeout(60_000), keepSources: true };
    return uploadPath(client, { root, path: name, to: { folderId: 'f' } }, options);
  },
};

try {
  await works[what]?.();
  console.log('done');
} catch (error) {
  console.log(String(error));
}
// An uncaught exception of leftover work would show here.
await pass(10);
