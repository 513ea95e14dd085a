import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { bundledProgram } from '../../fixtures/bundled-program.ts';
import { until } from '../../fixtures/until.ts';
import { environment } from './environment.ts';
import type { Manifest } from './runs.ts';
import { succeed } from './shell.ts';

/** How `dockerrun` ended and what it wrote. */
export type Ended = {
  readonly code: number | null;
  readonly stdout: Buffer;
  readonly stderr: string;
  readonly seconds: number;
};

/** A `dockerrun` in progress. */
export type Underway = {
  readonly child: ChildProcess;
  /** Resolves when its standard output and standard error contain the text. */
  readonly prints: (text: string) => Promise<void>;
  /** Its standard output so far. */
  readonly written: () => Buffer;
  readonly ended: Promise<Ended>;
};

/** On a terminal, whose window a user can make wider and narrower. */
export type OnTerminal = Underway & { readonly resize: (columns: number) => Promise<void> };

const longestSeconds = 240;
const program = await bundledProgram();

/** A directory for manifests, and another one, behind a symbolic link, that is the TMPDIR of runs. */
export class LocalLab implements AsyncDisposable {
  readonly directory: string;
  readonly name: string;

  private constructor(directory: string) {
    this.directory = directory;
    this.name = directory.slice(-6).toLowerCase();
  }

  static async open(): Promise<LocalLab> {
    const lab = new LocalLab(await mkdtemp(join(tmpdir(), 'local-runs-')));
    await mkdir(join(lab.directory, 'real'));
    await symlink('real', join(lab.directory, 'tmp'));
    return lab;
  }

  /** A DockerRun of the local busybox image. */
  run(spec: Manifest): Record<string, unknown> {
    return {
      apiVersion: 'dockerrun.dev/v1alpha1',
      kind: 'DockerRun',
      metadata: { name: `local-${this.name}` },
      spec: { image: 'busybox:local', imagePullPolicy: 'Never', ...spec },
    };
  }

  /** Writes a file with these documents and returns its path. */
  async file(...documents: unknown[]): Promise<string> {
    const path = join(this.directory, 'run.yaml');
    await writeFile(path, documents.map((one) => stringify(one)).join('---\n'));
    return path;
  }

  /** Starts `dockerrun` with only the variables of a user's shell. */
  start(args: readonly string[], more: NodeJS.ProcessEnv = {}, input?: string): Underway {
    const child = spawn(process.execPath, [program, ...args], this.#options(more));
    if (input !== undefined) child.stdin.end(input);
    return underway(child);
  }

  /** The same on a terminal, to which the standard input of the child is the keyboard, and its output the screen. */
  startOnTerminal(columns: number, args: readonly string[], more: NodeJS.ProcessEnv = {}): OnTerminal {
    const words = [process.execPath, program, ...args];
    const device = join(this.directory, 'tty');
    const size = `tty > '${device}'; stty cols ${columns} rows 24`;
    const command = `${size}; exec ${words.map((word) => `'${word}'`).join(' ')}`;
    const started = underway(spawn('script', ['-qec', command, '/dev/null'], this.#options(more)));
    const resize = async (to: number) => {
      const path = (await readFile(device, 'utf8')).trim();
      await succeed('stty', ['-F', path, 'cols', String(to)]);
    };
    return { ...started, resize };
  }

  #options(more: NodeJS.ProcessEnv) {
    const env = {
      PATH: environment('PATH'),
      DOCKER_HOST: environment('DOCKER_HOST'),
      TMPDIR: join(this.directory, 'tmp'),
      HOME: this.directory,
      ...more,
    };
    return { env, timeout: longestSeconds * 1000, killSignal: 'SIGKILL' } as const;
  }

  /** Runs `dockerrun` to its end. */
  async dockerrun(args: readonly string[], more: NodeJS.ProcessEnv = {}, input = ''): Promise<Ended> {
    return this.start(args, more, input).ended;
  }

  /** The directories and containers that runs have left behind. */
  async left(run = `local-${this.name}`): Promise<string[]> {
    const label = `label=dockerrun.dev/run=default/${run}`;
    const containers = await succeed('docker', ['ps', '--all', '--quiet', '--filter', label]);
    const directories = await readdir(join(this.directory, 'real'));
    return [...directories, ...containers.split('\n').filter((id) => id !== '')];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.directory, { recursive: true, force: true });
  }
}

function underway(child: ChildProcess): Underway {
  const begin = Date.now();
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  child.stdout?.on('data', (chunk: Buffer) => stdout.push(chunk));
  child.stderr?.on('data', (chunk: Buffer) => stderr.push(chunk));
  const all = () => Buffer.concat([...stdout, ...stderr]).toString();
  const ended = once(child, 'close').then(([code]: unknown[]) => ({
    code: typeof code === 'number' ? code : null,
    stdout: Buffer.concat(stdout),
    stderr: Buffer.concat(stderr).toString(),
    seconds: (Date.now() - begin) / 1000,
  }));
  const prints = async (text: string) => {
    const holds = (output: string) => {
      if (output.includes(text)) return true;
      if (child.exitCode !== null) throw new Error(`dockerrun ended without "${text}": ${output}`);
      return false;
    };
    await until(`dockerrun writes "${text}"`, all, { holds, withinMs: longestSeconds * 1_000 });
  };
  return { child, prints, written: () => Buffer.concat(stdout), ended };
}
