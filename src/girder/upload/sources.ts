import { posix } from 'node:path';
import type { CreatedPath } from '../../io/made-path.ts';

/** Bytes of paths, which are held in memory until the upload is over. */
const mostBytes = 16 * 1024 * 1024;

/** Where uploaded files were, noted for removeUploaded; only the first ones if a target left too much. */
export class UploadSources {
  readonly #noted: CreatedPath[] = [];
  readonly #base: string;
  #bytes = 0;
  #unnoted = 0;

  /** What is noted is below `base`, the directory of an upload, which comes first. */
  constructor(base: string | undefined) {
    this.#base = base ?? '.';
    if (base !== undefined) this.#noted.push({ path: base });
  }

  note(source: CreatedPath): void {
    const path = posix.join(this.#base, source.path);
    this.#bytes += Buffer.byteLength(path);
    if (this.#bytes > mostBytes) this.#unnoted += 1;
    else this.#noted.push({ ...source, path });
  }

  get noted(): readonly CreatedPath[] {
    return this.#noted;
  }

  /** How many there was no room for. */
  get unnoted(): number {
    return this.#unnoted;
  }
}
