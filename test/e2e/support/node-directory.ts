import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { onTestNode } from './test-node.ts';

/** What the policy of the test cluster allows runs to mount. */
const allowed = '/srv/dockerrun';

/** Text as one word of a shell. */
const quoted = (text: string) => `'${text.replaceAll("'", String.raw`'\''`)}'`;

/** A new directory of the node that is tested, which runs may mount; its files are named by their path in it. */
export class NodeDirectory {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  static async make(name: string): Promise<NodeDirectory> {
    const path = join(allowed, `${name}-${randomUUID()}`);
    await onTestNode(`mkdir -p ${quoted(path)}`);
    return new NodeDirectory(path);
  }

  async makeDirectory(name: string): Promise<void> {
    await onTestNode(`mkdir -p ${this.#word(name)}`);
  }

  async write(name: string, text: string): Promise<void> {
    await onTestNode(`printf %s ${quoted(text)} > ${this.#word(name)}`);
  }

  async link(name: string, target: string): Promise<void> {
    await onTestNode(`ln -s ${quoted(target)} ${this.#word(name)}`);
  }

  read(name: string): Promise<string> {
    return onTestNode(`cat ${this.#word(name)}`);
  }

  /** The names in it, or in a directory in it, sorted. */
  async list(name = '.'): Promise<string[]> {
    const names = await onTestNode(`ls -A ${this.#word(name)}`);
    return names
      .split('\n')
      .filter((line) => line !== '')
      .toSorted();
  }

  /** Removes a file or directory in it; by default the directory itself. */
  async remove(name = '.'): Promise<void> {
    await onTestNode(`rm -rf ${quoted(join(this.path, name))}`);
  }

  #word(name: string): string {
    return quoted(join(this.path, name));
  }
}
