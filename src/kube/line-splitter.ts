import { UnreadableError } from './interruption.ts';

/** An object has 1.5 MiB at most (https://etcd.io/docs/v3.6/dev-guide/limit/); what is far longer is no event. */
const longestLine = 16 * 1024 * 1024;

/** Cuts a stream of bytes into lines; a last line without its end is a broken stream and never comes out. */
export class LineSplitter {
  #rest: Buffer = Buffer.alloc(0);

  push(chunk: Buffer): string[] {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    const lines: string[] = [];
    let start = 0;
    for (let end = bytes.indexOf(10); end !== -1; end = bytes.indexOf(10, start)) {
      if (end > start) lines.push(bytes.toString('utf8', start, end));
      start = end + 1;
    }
    this.#rest = bytes.subarray(start);
    if (this.#rest.length > longestLine) throw new UnreadableError('a line that does not end');
    return lines;
  }
}
