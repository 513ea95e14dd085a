import { setTimeout as pass } from 'node:timers/promises';
import { GirderClient } from '../../../src/girder/client.ts';
import { parseApiUrl } from '../../../src/girder/api-url.ts';
import { TokenSource } from '../../../src/girder/credentials.ts';
import { uploadPath } from '../../../src/girder/upload/upload-path.ts';
import { openDirectory } from '../../../src/io/confined.ts';
import { walkTree } from '../../../src/io/walk.ts';
import { createLogger } from '../../../src/support/log.ts';
import { removeDirectory } from '../../../src/io/remove-tree.ts';
import { StagedFiles } from '../../../src/worker/stage/journal.ts';

/** Does one of a worker's tasks with the files that a target left in a directory, and prints how it ended. */
const [what = '', root = '', name = ''] = process.argv.slice(2);

const works: Record<string, () => Promise<unknown>> = {
  remove: () => removeDirectory(root, name),
  sweep: () => {
    const log = createLogger('warn', { write: (line) => void process.stdout.write(line) });
    const signal = AbortSignal.timeout(2_000);
    return StagedFiles.sweep({ log, signal }, name, { localPath: root, name: 'data' });
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
