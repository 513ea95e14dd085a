import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ask } from '../girder/real-girder.ts';
import { PlannedSet } from './planned-set.ts';
import { TreeModel } from './tree-model.ts';

/**
 * Random changes of a random tree in a real Girder, with passes between them. A model that knows nothing of listings
 * says what each pass has to run, keep, move and mark. More by hand: DOCKERRUN_TEST_TREES=50.
 */

const numRuns = Number(process.env['DOCKERRUN_TEST_TREES'] ?? 4);

const folders = ['', 'a', 'a/b', 'c'] as const;
const names = ['x', 'X', 'y!', 'é'] as const;

/** What may happen to one input; `redo` deletes its result. */
const actions = ['delete', 'change', 'edit', 'redo'] as const;

const place = { folder: fc.constantFrom(...folders), name: fc.constantFrom(...names) };
type Place = { readonly folder: string; readonly name: string };

const nth = fc.nat(15);
const change = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('add' as const), ...place }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('move' as const), nth, ...place }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constantFrom(...actions), nth }) },
  { weight: 1, arbitrary: fc.constantFrom({ kind: 'version' } as const, { kind: 'retry' } as const) },
);
type Change = typeof change extends fc.Arbitrary<infer Step> ? Step : never;

const rounds = fc.array(fc.array(change, { minLength: 1, maxLength: 5 }), { minLength: 2, maxLength: 4 });

/** The source of a set, changed through Girder's API and in the model at once. */
class ChangedTree {
  readonly set: PlannedSet;
  readonly model = new TreeModel();
  readonly #folders = new Map<string, string>();
  #texts = 0;

  constructor(set: PlannedSet) {
    this.set = set;
    this.#folders.set('', set.sourceId);
  }

  async make(step: Change): Promise<void> {
    const { model } = this;
    if (step.kind === 'version') model.nextVersion();
    else if (step.kind === 'retry') model.retry();
    else if (step.kind === 'add') await this.#add(step);
    else {
      const id = model.nth(step.nth);
      if (id !== undefined) await (step.kind === 'move' ? this.#move(id, step) : this.#act(id, step.kind));
    }
  }

  async #add(place: Place): Promise<void> {
    const { model, set } = this;
    if (model.at(pathOf(place)) !== undefined) return;
    const id = await set.scratch.item(place.name, [], await this.#folder(place.folder));
    await set.scratch.file(id, 'f', this.#text());
    model.add(id, pathOf(place));
  }

  async #move(id: string, place: Place): Promise<void> {
    const { model, set } = this;
    if (model.at(pathOf(place)) !== undefined) return;
    const folderId = await this.#folder(place.folder);
    // In one request, Girder would compare the new name with those in the old folder.
    for (const update of [{ folderId }, { name: place.name }])
      await ask(set.scratch.admin, 'PUT', ['item', id], update);
    model.move(id, pathOf(place));
  }

  async #act(id: string, kind: (typeof actions)[number]): Promise<void> {
    const { model, set } = this;
    const { admin } = set.scratch;
    if (kind === 'delete') {
      await ask(admin, 'DELETE', ['item', id]);
      model.delete(id);
    } else if (kind === 'change') {
      await set.scratch.file(id, 'more', this.#text());
      model.change(id);
    } else if (kind === 'edit') {
      // The template does not use it.
      await ask(admin, 'PUT', ['item', id], { metadata: JSON.stringify({ note: this.#text() }) });
    } else {
      const path = model.resultOf(id);
      if (path === undefined) return;
      await ask(admin, 'DELETE', ['item', await set.resultId(path)]);
      model.redo(path);
    }
  }

  /** A dry run, then a pass whose workers fail for what is named y!; both have to find what the model says. */
  async pass(): Promise<void> {
    const { model, set } = this;
    const spec = { version: model.version } as const;
    const more = { retryFailed: model.isRetried };
    const expected = model.pass();
    const dry = await set.pass({ ...spec, dryRun: true }, more);
    const run = await set.pass(spec, more);
    const ran = Object.fromEntries(run.offered.map(({ item, why }) => [item.id, why]));
    assert.equal(ran, expected.runs);
    assert.is(dry.report.counts.todo, run.report.counts.todo, 'a dry run says what then runs');
    assert.equal(dry.report.why, run.report.why);
    const { done, failed } = run.report.counts;
    assert.equal({ done, failed }, { done: expected.done, failed: expected.failed });
    const fails = { 'y!': { reason: 'TargetFailed' } };
    await set.work(run.offered, { fails });
    model.worked(
      run.offered.map(({ item }) => item.id),
      (path) => path.endsWith('y!'),
    );
    const found = Object.entries(await set.tree()).filter(([path]) => path !== '.reports');
    const results = found.map(([path, receipt]) => [
      path,
      { of: receipt?.input.id, isMarked: receipt?.inputGoneSince !== undefined },
    ]);
    assert.equal(Object.fromEntries(results), model.results());
  }

  async #folder(path: string): Promise<string> {
    const known = this.#folders.get(path);
    if (known !== undefined) return known;
    const parts = path.split('/');
    const parent = await this.#folder(parts.slice(0, -1).join('/'));
    const id = await this.set.scratch.folder(parts.at(-1) ?? '', parent);
    this.#folders.set(path, id);
    return id;
  }

  #text(): string {
    this.#texts += 1;
    return 'x'.repeat(this.#texts);
  }
}

const pathOf = ({ folder, name }: Place) => (folder === '' ? name : `${folder}/${name}`);

test('whatever happens to the tree, a pass runs, keeps, moves and marks what the model says', async () => {
  const property = fc.asyncProperty(rounds, async (steps) => {
    await using set = await PlannedSet.make();
    const tree = new ChangedTree(set);
    for (const round of steps) {
      for (const step of round) await tree.make(step);
      await tree.pass();
    }
  });
  await fc.assert(property, { numRuns, endOnFailure: true });
});

test.run();
