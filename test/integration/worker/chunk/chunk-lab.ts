import { randomUUID } from 'node:crypto';
import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { pino } from 'pino';
import { parseReceipt, type Receipt, receiptKey } from '../../../../src/api/set/receipt.ts';
import { recipeOf, usedItemNames } from '../../../../src/api/set/recipe.ts';
import type { ForEach, ForEachItem } from '../../../../src/api/for-each.ts';
import type { DockerRunSpec } from '../../../../src/api/spec.ts';
import { validateSpec } from '../../../../src/api/validate.ts';
import { labels, temporaryVolumePath } from '../../../../src/api/names.ts';
import { connectEngine, type Engine } from '../../../../src/docker/engine.ts';
import { toRunError } from '../../../../src/support/errors.ts';
import { LiveReport } from '../../../../src/worker/progress.ts';
import type { RunEnvironment } from '../../../../src/worker/run-environment.ts';
import { runOnce } from '../../../../src/worker/run.ts';
import { anEnvironment } from '../../../fixtures/builders-worker.ts';
import { specOf } from '../../../fixtures/builders.ts';
import { engineSocket, image } from '../../docker/engine-under-test.ts';
import { ask, girderEnvironment } from '../../girder/real-girder.ts';
import { ScratchFolder } from '../../girder/scratch-folder.ts';
import { StartedTargets } from '../crash/started-targets.ts';

const never = new AbortController().signal;
const set = { namespace: 'lab', name: 'nuclei' };

type Stored = { readonly _id: string; readonly name: string; readonly size: number };

export type Given = {
  readonly items: readonly ForEachItem[];
  readonly spec: Record<string, unknown>;
  readonly forEach?: Partial<ForEach>;
  readonly uid?: string;
  readonly apiUrl?: string;
  readonly signal?: AbortSignal;
  readonly report?: LiveReport;
};

export type ChunkEnd = {
  readonly reason: string | undefined;
  readonly message: string;
  readonly states: string;
  readonly report: LiveReport;
  readonly stdout: string;
  readonly stderr: string;
  readonly uid: string;
};

/** Runs with forEach against the real engine and the real Girder, in the process of the test. */
export class ChunkLab implements AsyncDisposable {
  readonly scratch: ScratchFolder;
  readonly results: string;
  readonly engine: Engine;
  readonly targets: StartedTargets;

  private constructor(scratch: ScratchFolder, results: string, engine: Engine, targets: StartedTargets) {
    this.scratch = scratch;
    this.results = results;
    this.engine = engine;
    this.targets = targets;
  }

  static async open(): Promise<ChunkLab> {
    const scratch = await ScratchFolder.make();
    const engine = await connectEngine({ socketPath: engineSocket(), signal: never });
    return new ChunkLab(
      scratch,
      await scratch.folder('results'),
      engine,
      await StartedTargets.follow(engine),
    );
  }

  /** An input with one file of its name. */
  async input(name: string, content: string): Promise<ForEachItem> {
    const id = await this.scratch.item(name, [[name, content]]);
    return this.entry(id, name);
  }

  async inputs(contents: Readonly<Record<string, string>>): Promise<ForEachItem[]> {
    const items: ForEachItem[] = [];
    for (const [name, content] of Object.entries(contents)) items.push(await this.input(name, content));
    return items;
  }

  entry(id: string, name: string): ForEachItem {
    const values = { 'item.id': id, 'item.name': name };
    return { id, name, recipe: '0'.repeat(64), values, result: { folderId: this.results, name } };
  }

  /** The spec of a run as the controller would make it. */
  spec({ items, spec, forEach, apiUrl = girderEnvironment().apiUrl }: Given): DockerRunSpec {
    const template = specOf({ image, imagePullPolicy: 'Never', ...spec });
    const names = usedItemNames(template);
    const withRecipe = items.map((item) => {
      const values = Object.fromEntries(names.map((name) => [name, item.values?.[name] ?? '']));
      return { ...item, values, recipe: recipeOf({ template, values }) };
    });
    const girder = { apiUrl, credentialsSecretRef: { name: 'girder' } };
    const each = {
      set,
      each: 'Item',
      log: 'Always',
      isCautious: false,
      ...forEach,
      items: withRecipe,
    } as const;
    const whole = { ...template, girder, forEach: each } satisfies DockerRunSpec;
    const [problem] = validateSpec(whole);
    if (problem !== undefined) throw new Error(problem);
    return whole;
  }

  /** The temporary volume of an attempt on this machine, which is also the engine's. */
  directory(attempt: string): string {
    const path = join(this.scratch.directory, attempt);
    mkdirSync(path, { recursive: true });
    return path;
  }

  environment(given: Given, attempt: string): RunEnvironment {
    return environmentAt(this.directory(attempt), this.spec(given), {
      uid: given.uid ?? randomUUID(),
      attempt,
    });
  }

  async run(given: Given): Promise<ChunkEnd> {
    const { report = new LiveReport(), signal = never } = given;
    const environment = this.environment(given, randomUUID());
    const [stdout, stderr] = [new PassThrough(), new PassThrough()];
    const written = Promise.all([text(stdout), text(stderr)]);
    const log = pino({ enabled: false });
    const failure = await runOnce({ environment, report, stdout, stderr, log, signal }).then(
      () => undefined,
      (error: unknown) => toRunError(error),
    );
    stdout.end();
    stderr.end();
    const [out, errors] = await written;
    const states = report.snapshot().items?.states ?? '';
    const { uid } = environment.run;
    return {
      ...{ reason: failure?.reason, message: failure?.message ?? '', states, report },
      ...{ stdout: out, stderr: errors, uid },
    };
  }

  /** The item with the result of an input, if there is one. */
  async resultOf(
    name: string,
  ): Promise<{ readonly id: string; readonly meta: Record<string, unknown> } | undefined> {
    const query = { folderId: this.results, name };
    const [found] = (await ask(this.scratch.admin, 'GET', ['item'], query)) as {
      _id: string;
      meta: Record<string, unknown>;
    }[];
    return found && { id: found._id, meta: found.meta };
  }

  async receiptOf(name: string): Promise<Receipt | undefined> {
    return parseReceipt((await this.resultOf(name))?.meta[receiptKey]);
  }

  /** The files of the result of an input with their text. */
  async filesOf(name: string): Promise<Record<string, string>> {
    const { id } = (await this.resultOf(name)) ?? { id: '' };
    const files = (await ask(this.scratch.admin, 'GET', ['item', id, 'files'])) as Stored[];
    const texts = files.map(async ({ _id, name: file }) => [file, await this.#read(_id)] as const);
    return Object.fromEntries(await Promise.all(texts));
  }

  async fileIn(name: string, file: string): Promise<string> {
    const { id } = (await this.resultOf(name)) ?? { id: '' };
    const files = (await ask(this.scratch.admin, 'GET', ['item', id, 'files'])) as Stored[];
    return files.find((one) => one.name === file)?._id ?? '';
  }

  /** Deletes the only file of an item, and creates another one of its name. */
  async replace(itemId: string, name: string, content: string): Promise<void> {
    const { admin } = this.scratch;
    const [file] = (await ask(admin, 'GET', ['item', itemId, 'files'])) as Stored[];
    await ask(admin, 'DELETE', ['file', file?._id ?? '']);
    await this.scratch.file(itemId, name, content);
  }

  /** The containers of a run that the engine still has. */
  async containersOf(uid: string): Promise<number> {
    const filters = JSON.stringify({ label: [`${labels.runUid}=${uid}`] });
    return (await this.engine.docker.listContainers({ all: true, filters })).length;
  }

  /** The ids of the containers of a run that have not started. */
  async createdOf(uid: string): Promise<string[]> {
    const filters = JSON.stringify({ label: [`${labels.runUid}=${uid}`], status: ['created'] });
    return (await this.engine.docker.listContainers({ all: true, filters })).map(({ Id }) => Id);
  }

  /** Ends the running targets of a run that wait for the file /tmp/over. */
  async endTargets(uid: string): Promise<void> {
    const filters = JSON.stringify({ label: [`${labels.runUid}=${uid}`], status: ['running'] });
    for (const { Id } of await this.engine.docker.listContainers({ filters })) {
      const target = this.engine.docker.getContainer(Id);
      try {
        const command = await target.exec({ Cmd: ['touch', '/tmp/over'] });
        await command.start({ Detach: true });
      } catch (error) {
        // A target that sees the file may end before the engine has followed the exec.
        const isRunning = await target.inspect().then(
          ({ State }) => State.Running,
          () => false,
        );
        if (isRunning) throw error;
      }
    }
  }

  /** What the attempts left in their temporary volumes. */
  left(): string[] {
    return readdirSync(this.scratch.directory).flatMap((attempt) =>
      readdirSync(join(this.scratch.directory, attempt)).filter((name) => name !== 'shared'),
    );
  }

  async #read(fileId: string): Promise<string> {
    const { apiKey, apiUrl } = girderEnvironment();
    const form = new URLSearchParams({ key: apiKey });
    const answer = await fetch(`${apiUrl}/api_key/token`, { method: 'POST', body: form });
    const { authToken } = (await answer.json()) as { authToken: { token: string } };
    const headers = { 'Girder-Token': authToken.token };
    return (await fetch(`${apiUrl}/file/${fileId}/download`, { headers })).text();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.targets[Symbol.dispose]();
    await this.scratch[Symbol.asyncDispose]();
  }
}

/** The environment of an attempt whose temporary volume is a directory of this machine. */
export function environmentAt(
  directory: string,
  spec: DockerRunSpec,
  { uid, attempt }: { readonly uid: string; readonly attempt: string },
): RunEnvironment {
  const volume = {
    name: 'temporaryVolume',
    ...{ localPath: directory, hostPath: directory, containerPath: temporaryVolumePath },
    ...{ readOnly: false, temporary: true, configuredBy: 'the test' },
  };
  return anEnvironment(spec, {
    run: { namespace: 'lab', name: 'nuclei-0', uid },
    dockerSocket: engineSocket(),
    attempt,
    openVolumes: async () => ({ volumes: [volume], remove: async () => undefined }),
    spoolDirectory: spec.forEach === undefined ? directory : '/tmp',
    girderCredentials: async () => ({ apiKey: girderEnvironment().apiKey }),
    cgroupParent: async () => undefined,
  });
}
