import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { bundledProgram } from '../../fixtures/bundled-program.ts';
import { ScratchDirectory } from '../../fixtures/scratch-directory.ts';
import { until } from '../../fixtures/until.ts';
import type { Manifest } from './runs.ts';
import { execute } from './shell.ts';

const program = await bundledProgram();
const longestSeconds = 480;

/** How a command ended, and what it printed. */
export type Printed = { readonly code: number | null; readonly stdout: string; readonly stderr: string };

/** `dockerrun` in a namespace, with the kubeconfig and the key of Girder of the tests. */
export class Commands implements Disposable {
  readonly namespace: string;
  readonly #files = new ScratchDirectory('commands');

  constructor(namespace: string) {
    this.namespace = namespace;
  }

  async run(...args: string[]): Promise<Printed> {
    const all = [program, '--namespace', this.namespace, ...args];
    const { code, stdout, stderr } = await execute(process.execPath, all, { seconds: longestSeconds });
    return { code, stdout: stdout.toString(), stderr };
  }

  /** The standard output of a command that must succeed. */
  async succeed(...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await this.run(...args);
    if (code !== 0) throw new Error(`dockerrun ${args.join(' ')} ended with ${code}: ${stderr}`);
    return stdout;
  }

  /** Starts a command; `prints` waits until its output, or its standard error, has a text. */
  start(...args: string[]) {
    const child = spawn(process.execPath, [program, '--namespace', this.namespace, ...args], {
      timeout: longestSeconds * 1000,
      killSignal: 'SIGKILL',
    });
    const printed = { stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr'] as const)
      child[name].setEncoding('utf8').on('data', (text: string) => (printed[name] += text));
    const ended = once(child, 'close').then(([code]: unknown[]) => ({ code, ...printed }));
    const prints = (text: string) =>
      until(`dockerrun ${args.join(' ')} prints "${text}"`, () => printed, {
        holds: ({ stdout, stderr }) => stdout.includes(text) || stderr.includes(text),
        withinMs: longestSeconds * 1000,
      });
    return { child, ended, prints };
  }

  /** What a terminal of 80 columns and 24 rows receives. */
  async onTerminal(...args: string[]): Promise<{ readonly code: number | null; readonly screen: string }> {
    const words = [process.execPath, program, '--namespace', this.namespace, ...args];
    const command = `stty cols 80 rows 24; exec ${words.map((word) => `'${word}'`).join(' ')}`;
    const { code, stdout } = await execute('script', ['-qec', command, '/dev/null'], {
      seconds: longestSeconds,
    });
    return { code, screen: stdout.toString() };
  }

  /** A file with the manifest of a run of the local busybox image, or with another one. */
  async file(name: string, spec: Manifest, whole: Manifest = {}): Promise<string> {
    const path = join(this.#files.path, `${name}.yaml`);
    const run = {
      apiVersion: 'dockerrun.dev/v1alpha1',
      kind: 'DockerRun',
      metadata: { name },
      spec: { image: 'busybox:local', imagePullPolicy: 'Never', ...spec },
      ...whole,
    };
    await writeFile(path, stringify(run));
    return path;
  }

  get program(): string {
    return program;
  }

  [Symbol.dispose](): void {
    this.#files[Symbol.dispose]();
  }
}
