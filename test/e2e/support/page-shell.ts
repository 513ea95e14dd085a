import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { parse, stringify } from 'yaml';
import { bundledProgram } from '../../fixtures/bundled-program.ts';
import { ScratchDirectory } from '../../fixtures/scratch-directory.ts';
import { environment } from './environment.ts';
import { girder } from './girder.ts';
import { type Finished, execute, succeed } from './shell.ts';

const program = await bundledProgram();

/** What a reader fills in: the text by that of the page. */
export type FilledIn = Readonly<Record<string, string>>;

/**
 * The shell of a reader of the pages: a directory with the reader's files, `dockerrun` and its plugin of kubectl, and a
 * namespace that kubectl uses without being asked.
 */
export class PageShell implements Disposable {
  readonly #directory = new ScratchDirectory('pages');
  readonly #variables: Readonly<Record<string, string>>;

  private constructor(variables: Readonly<Record<string, string>>) {
    this.#variables = variables;
  }

  /** Without a namespace, it has no cluster. */
  static async open(namespace?: string): Promise<PageShell> {
    const shell = new PageShell(
      namespace === undefined ? { KUBECONFIG: '/dev/null' } : { KUBECONFIG: 'config' },
    );
    for (const name of ['dockerrun', 'kubectl-dockerrun']) {
      await shell.write(name, `#!/bin/sh\nexec '${process.execPath}' '${program}' "$@"\n`);
      await chmod(shell.pathOf(name), 0o755);
    }
    if (namespace !== undefined) await shell.write('config', await kubeconfig(namespace), 0o600);
    return shell;
  }

  pathOf(file: string): string {
    return join(this.#directory.path, file);
  }

  async write(file: string, text: string, mode = 0o644): Promise<void> {
    await writeFile(this.pathOf(file), text, { mode });
  }

  /** Runs lines of a page until one fails; the key of Girder is in the place of `…`. */
  perform(commands: string, seconds = 150): Promise<Finished> {
    const own = commands.replaceAll('…', environment('GIRDER_API_KEY'));
    const set = Object.entries(this.#variables).map(([name, value]) => `export ${name}='${value}'`);
    const env = [...set, 'export PATH="$PWD":"$PATH"', 'unset GIRDER_API_KEY'].join('\n');
    return execute('bash', ['-euo', 'pipefail', '-c', `${env}\n${own}`], {
      cwd: this.#directory.path,
      seconds,
    });
  }

  /** Their standard output; throws if one fails. */
  async output(commands: string, seconds?: number): Promise<string> {
    const { code, stdout, stderr } = await this.perform(commands, seconds);
    assert.is(code, 0, `${commands}\n${stdout.toString()}${stderr}`);
    return stdout.toString();
  }

  [Symbol.dispose](): void {
    this.#directory[Symbol.dispose]();
  }
}

async function kubeconfig(namespace: string): Promise<string> {
  type Config = { contexts: { context: object }[] };
  const config = parse(await succeed('kubectl', ['config', 'view', '--raw', '--flatten'])) as Config;
  const contexts = config.contexts.map((one) => ({ ...one, context: { ...one.context, namespace } }));
  return stringify({ ...config, contexts });
}

/** A text of a page as its reader would complete it; each part must be there. */
export function filledIn(text: string, parts: FilledIn): string {
  return Object.entries(parts).reduce((so, [from, to]) => {
    assert.ok(so.includes(from), `the page does not have ${from}`);
    return so.replaceAll(from, to);
  }, text);
}

/** The local image of the tests, in a manifest of blocks, with a command. */
export function localImage(command?: readonly string[]): string {
  const more = command === undefined ? '' : `\n  command: ${JSON.stringify(command)}`;
  return `busybox:local\n  imagePullPolicy: Never${more}`;
}

/** The path in Girder of what the tests make. */
export async function pathInGirder(...names: string[]): Promise<string> {
  const { login } = await girder<{ login: string }>('GET', 'user/me');
  return ['/user', login, 'dockerrun-tests', ...names].join('/');
}

/** The commands of a block of a console: the lines with a prompt. */
export function typed(block: string): string[] {
  return block.split('\n').flatMap((line) => /^\$ (.*)$/.exec(line)?.[1] ?? []);
}

/** The lines of a block of a console that its commands print. */
export function printed(block: string): string[] {
  return block.split('\n').filter((line) => line !== '' && !line.startsWith('$ '));
}

/** What a line of a page stands for: `…` is any text, and ids and numbers are others. */
export function patternOf(line: string): RegExp {
  const literal = line.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
  const source = literal
    .replaceAll(/[0-9a-f]{6,}|\d+/g, (text) => (text.length < 6 ? '\\d+' : '[0-9a-f]+'))
    .replaceAll('…', '.*');
  return new RegExp(`^${source}$`, 'm');
}
