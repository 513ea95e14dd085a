import { chmod, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';

/** What the local cluster's policy allows runs to mount. */
const allowed = '/srv/dockerrun';

/** A directory of the node that anybody can write and runs may mount, as the original's `all_writable_tmpdir`. */
export class ScratchDirectory implements AsyncDisposable {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  static async make(): Promise<ScratchDirectory> {
    await mkdir(allowed, { recursive: true });
    const path = await mkdtemp(join(allowed, 'test-'));
    await chmod(path, 0o777);
    return new ScratchDirectory(path);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.path, { recursive: true, force: true });
  }
}
