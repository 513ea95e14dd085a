import * as assert from 'uvu/assert';
import { connectEngine } from '../../../src/docker/engine.ts';
import type { Receipt } from '../../../src/api/set/receipt.ts';
import type { DockerRunSetStatus } from '../../../src/api/set/set-status.ts';
import { paths } from '../../../src/kube/paths.ts';
import { until } from '../../fixtures/until.ts';
import { StartedTargets } from '../../integration/worker/crash/started-targets.ts';
import { environment } from '../support/environment.ts';
import { aFolder, download, filesOf, girder } from '../support/girder.ts';
import { Lab, type Manifest } from '../support/runs.ts';

/** A set as the API server has it. */
export type StoredSet = {
  readonly metadata: { readonly name: string; readonly uid: string; readonly generation: number };
  readonly status: DockerRunSetStatus;
};

/** An item of the results, by its path below the results folder. */
export type ResultItem = {
  readonly id: string;
  readonly path: string;
  readonly receipt: Receipt | undefined;
};

/** A DockerRun of a set. */
type Chunk = {
  readonly metadata: { readonly name: string; readonly uid: string };
  readonly status?: { readonly phase?: string; readonly reason?: string };
};

type Item = { _id: string; name: string; meta?: { dockerrun?: Receipt } };
type Named = { _id: string; name: string };

/** How many files are sent to Girder at once. */
const atOnce = 4;

/** In milliseconds, for a phase of a set with some hundred inputs on a busy machine. */
const patienceMs = 400_000;

/** What the target of a test does with each input: a result that depends on the bytes and the name. */
export const upperCase = {
  image: 'busybox:local',
  imagePullPolicy: 'Never',
  command: ['sh', '-c', 'echo "$2" && tr a-z A-Z < "$0" > "$1/upper.txt"'],
  args: ['$(item)', '$(result)', '$(item.name)'],
};

/** A namespace, and folders in Girder for the inputs and the results of sets. */
export class SetLab {
  readonly lab: Lab;
  readonly source: string;
  readonly results: string;

  private constructor(lab: Lab, source: string, results: string) {
    this.lab = lab;
    this.source = source;
    this.results = results;
  }

  static async open(name: string): Promise<SetLab> {
    return SetLab.in(await Lab.open(name));
  }

  /** Folders for sets in a namespace that is there already. */
  static async in(lab: Lab): Promise<SetLab> {
    const parent = await aFolder(lab.namespace);
    const [source, results] = [await folderIn(parent, 'source'), await folderIn(parent, 'results')];
    return new SetLab(lab, source, results);
  }

  /** The folders stay, as those of all tests: this Girder has no worker that could delete them. */
  close(): Promise<void> {
    return this.lab.close();
  }

  /** Uploads inputs: the text of each by its path below the source. */
  async addInputs(texts: ReadonlyMap<string, string>): Promise<void> {
    const folders = new Map<string, Promise<string>>([['', Promise.resolve(this.source)]]);
    const folderOf = (path: string): Promise<string> => {
      const known = folders.get(path);
      if (known !== undefined) return known;
      const parent = folderOf(path.split('/').slice(0, -1).join('/'));
      const made = parent.then((id) => folderIn(id, path.split('/').at(-1) ?? ''));
      folders.set(path, made);
      return made;
    };
    const waiting = [...texts];
    const work = async () => {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
        const [path, text] = next;
        const parts = path.split('/');
        await addFile(await folderOf(parts.slice(0, -1).join('/')), parts.at(-1) ?? '', text);
      }
    };
    await Promise.all(Array.from({ length: atOnce }, work));
  }

  /** The item of an input, by its path below the source. */
  async input(path: string): Promise<string> {
    const names = path.split('/');
    let folder = this.source;
    for (const name of names.slice(0, -1)) folder = await folderIn(folder, name);
    const query = `folderId=${folder}&name=${encodeURIComponent(names.at(-1) ?? '')}`;
    const [item] = await girder<Item[]>('GET', `item?${query}`);
    if (item === undefined) throw new Error(`there is no input ${path}`);
    return item._id;
  }

  /** A folder below the source, created if it does not exist. */
  sourceFolder(name: string): Promise<string> {
    return folderIn(this.source, name);
  }

  /** Changes fields of the spec of a set, as with `kubectl patch`. */
  async patch(name: string, spec: Manifest): Promise<void> {
    await this.lab.kubectl('patch', 'drset', name, '--type=merge', '-p', JSON.stringify({ spec }));
  }

  /** Applies a set over the source; `spec` replaces fields of a small one. Throws if it is refused. */
  async apply(name: string, spec: Manifest = {}): Promise<void> {
    const { code, stderr } = await this.lab.apply(this.manifest(name, spec));
    if (code !== 0) throw new Error(`kubectl apply of ${name}: ${stderr}`);
  }

  manifest(name: string, spec: Manifest = {}): Manifest {
    return {
      apiVersion: 'dockerrun.dev/v1alpha1',
      kind: 'DockerRunSet',
      metadata: { name },
      spec: {
        girder: { apiUrl: environment('GIRDER_API_URL'), credentialsSecretRef: { name: 'girder' } },
        source: { folder: { id: this.source }, settleSeconds: 0 },
        results: { folder: { id: this.results } },
        template: { spec: upperCase },
        parallelism: 3,
        canary: 0,
        ...spec,
      },
    };
  }

  async get(name: string): Promise<StoredSet> {
    const path = `${paths.sets(this.lab.namespace)}/${name}`;
    const stored = (await this.lab.client.get(path)) as StoredSet;
    return { ...stored, status: stored.status ?? {} };
  }

  /** Polls a set until it has a state. */
  until(
    name: string,
    what: string,
    holds: (set: StoredSet) => boolean,
    withinMs = patienceMs,
  ): Promise<StoredSet> {
    return until(`set ${name} ${what}`, () => this.get(name), { holds, withinMs, everyMs: 500 });
  }

  /** Waits until a set is in a phase with its present spec. */
  inPhase(name: string, phase: StoredSet['status']['phase'], withinMs?: number): Promise<StoredSet> {
    const holds = ({ metadata, status }: StoredSet) =>
      status.phase === phase && status.observedGeneration === metadata.generation;
    return this.until(name, `is ${phase}`, holds, withinMs);
  }

  /** Every item below the results folder that has a receipt, by its path. */
  async resultItems(): Promise<ReadonlyMap<string, ResultItem>> {
    const found = new Map<string, ResultItem>();
    await collect(this.results, '', found);
    return found;
  }

  /** Throws unless each input has one result, which `upperCase` has made of its text. */
  async expectUpperCase(texts: ReadonlyMap<string, string>): Promise<void> {
    const found = await this.resultItems();
    assert.equal([...found.keys()].toSorted(), [...texts.keys()].toSorted());
    for (const [path, text] of texts) {
      const { id = '', receipt } = found.get(path) ?? {};
      assert.is(receipt?.state, 'Succeeded', path);
      assert.is(await this.textOf(id, 'upper.txt'), text.toUpperCase());
    }
  }

  /** The text of a file of a result item. */
  async textOf(itemId: string, file: string): Promise<string> {
    const files = await filesOf(itemId);
    const wanted = files.find(({ name }) => name === file);
    if (wanted === undefined)
      throw new Error(`item ${itemId} has no ${file}, but ${files.map(({ name }) => name).join(', ')}`);
    return (await download(wanted._id)).toString();
  }

  /** The live DockerRuns of a set. */
  async chunks(name: string): Promise<Chunk[]> {
    const runs = paths.dockerRuns(this.lab.namespace);
    return (await this.lab.client.list(runs, `dockerrun.dev/set=${name}`)) as Chunk[];
  }
}

/** The labs of tests that run at the same time in one file. */
export class SetLabs {
  readonly #labs: SetLab[] = [];

  /** A lab with some inputs. */
  async open(name: string, count: number): Promise<SetLab> {
    const lab = await SetLab.open(name);
    this.#labs.push(lab);
    await lab.addInputs(inputs(count));
    return lab;
  }

  async close(): Promise<void> {
    await Promise.all(this.#labs.map((lab) => lab.close()));
  }
}

/** The targets of all runs on the node, from now on, as the engine counts them. */
export async function followTargets(): Promise<StartedTargets> {
  const { signal } = new AbortController();
  const socketPath = environment('DOCKERRUN_DOCKER_SOCKET');
  return StartedTargets.follow(await connectEngine({ socketPath, signal }));
}

async function collect(folder: string, path: string, found: Map<string, ResultItem>): Promise<void> {
  for (const { _id, name, meta } of await girder<Item[]>('GET', `item?folderId=${folder}&limit=0`)) {
    if (meta?.dockerrun !== undefined)
      found.set(`${path}${name}`, { id: _id, path: `${path}${name}`, receipt: meta.dockerrun });
  }
  const folders = await girder<Named[]>('GET', `folder?parentType=folder&parentId=${folder}&limit=0`);
  for (const { _id, name } of folders) await collect(_id, `${path}${name}/`, found);
}

async function folderIn(parent: string, name: string): Promise<string> {
  const query = `parentType=folder&parentId=${parent}&name=${encodeURIComponent(name)}&reuseExisting=true`;
  return (await girder<Named>('POST', `folder?${query}`))._id;
}

/** A file in a folder gets an item of its own, with the same name. */
async function addFile(folder: string, name: string, text: string): Promise<void> {
  const bytes = Buffer.from(text);
  const query = `parentType=folder&parentId=${folder}&name=${encodeURIComponent(name)}&size=${bytes.length}`;
  await girder('POST', `file?${query}`, bytes);
}

/** Inputs in folders of ten, with different texts. */
export function inputs(count: number, prefix = 'case'): Map<string, string> {
  const number = (index: number) => String(index).padStart(4, '0');
  return new Map(
    Array.from({ length: count }, (_, index) => [
      `${prefix}-${number(Math.floor(index / 10))}/slide-${number(index)}.txt`,
      `text of ${prefix} ${index}`,
    ]),
  );
}
