import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { parse } from 'yaml';
import type { DockerRunStatus } from '../../../src/api/status.ts';
import { environment } from './environment.ts';
import type { ExampleInputs } from './example-inputs.ts';
import { aFolder, anItem } from './girder.ts';
import type { Lab } from './runs.ts';

/** How many examples run at a time. */
const atOnce = 4;
const endSeconds = 180;

/** The ids in the manifests. */
const placeholders = {
  file: 'f11e00000000000000000001',
  item: 'a17e00000000000000000001',
  folder: 'f01d00000000000000000001',
  resultItem: 'a17e0000000000000000000f',
  resultFolder: 'f01d0000000000000000000f',
} as const;

/** An example, with replacements in its text, and a check during the run. */
export type Example = {
  readonly file: string;
  readonly replace?: Readonly<Record<string, string>>;
  readonly during?: (name: string) => Promise<void>;
};

/** The end of an example; `itemId` and `folderId` are those of its results. */
export type Ended = {
  readonly name: string;
  readonly status: DockerRunStatus;
  readonly itemId: string;
  readonly folderId: string;
};

/** Runs manifests of examples/girder-worker like a user who has replaced the placeholders. */
export class ExampleRuns {
  readonly #lab: Lab;
  readonly #inputs: ExampleInputs;
  readonly #ended = new Map<string, Promise<Ended>>();

  constructor(lab: Lab, inputs: ExampleInputs) {
    this.#lab = lab;
    this.#inputs = inputs;
  }

  /** Starts all examples in this order, `atOnce` at a time. */
  begin(examples: readonly Example[]): void {
    const starts = examples.map((example) => {
      const { promise, resolve, reject } = Promise.withResolvers<Ended>();
      // The caller of `ended` gets the error; before that call, the rejection must not count as unhandled.
      promise.catch(() => undefined);
      this.#ended.set(example.file, promise);
      return () => this.#run(example).then(resolve, reject);
    });
    const work = async () => {
      for (let start = starts.shift(); start !== undefined; start = starts.shift()) await start();
    };
    for (let worker = 0; worker < atOnce; worker += 1) void work();
  }

  /** Waits for the end of an example. */
  async ended(file: string): Promise<Ended> {
    const ended = this.#ended.get(file);
    if (ended === undefined) throw new TypeError(`${file} was not begun`);
    return ended;
  }

  /** Waits for an example, which must succeed; its log is without the worker's own warnings. */
  async succeeded(file: string): Promise<Ended & { readonly log: string }> {
    const ended = await this.ended(file);
    assert.is(ended.status.phase, 'Succeeded', `${file}: ${ended.status.message}`);
    return { ...ended, log: await this.#lab.output(ended.name) };
  }

  async #run({ file, replace = {}, during }: Example): Promise<Ended> {
    const text = await readFile(join('examples', 'girder-worker', `${file}.yaml`), 'utf8');
    const [itemId, folderId] = [await anItem(file), await aFolder(`${this.#lab.namespace} ${file}`)];
    const { fileId, itemId: item, folderId: folder } = this.#inputs;
    const values = {
      ...{
        'busybox:1.36': 'busybox:local',
        'https://data.example.org/api/v1': environment('GIRDER_API_URL'),
      },
      ...{ [placeholders.file]: fileId, [placeholders.item]: item, [placeholders.folder]: folder },
      ...{ [placeholders.resultItem]: itemId, [placeholders.resultFolder]: folderId },
      ...replace,
    };
    const filled = Object.entries(values).reduce((so, [from, to]) => so.replaceAll(from, to), text);
    const manifest = parse(filled) as { metadata: { name: string } };
    const { name } = manifest.metadata;
    const { code, stderr } = await this.#lab.apply(manifest);
    if (code !== 0) throw new Error(`kubectl apply of ${file}: ${stderr}`);
    await during?.(name);
    return { name, status: await this.#lab.ended(name, endSeconds), itemId, folderId };
  }
}
