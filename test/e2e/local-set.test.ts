import { readFile } from 'node:fs/promises';
import { test } from '../fixtures/suite.ts';
import { until } from '../fixtures/until.ts';
import * as assert from 'uvu/assert';
import { parse, stringify } from 'yaml';
import { parseReceipt, type Receipt } from '../../src/api/set/receipt.ts';
import { environment } from './support/environment.ts';
import { aFolder, aFileIn, download, filesOf, girder } from './support/girder.ts';
import { LocalLab } from './support/local-run.ts';

let lab: LocalLab;
const key = () => ({ GIRDER_API_KEY: environment('GIRDER_API_KEY') });

test.before(async () => {
  lab = await LocalLab.open();
});
test.after(() => lab[Symbol.asyncDispose]());

/** Folders of Girder for the inputs and the results of one set. */
type Places = { readonly inputs: string; readonly results: string };

async function places(): Promise<Places> {
  const root = await aFolder(`local-set-${crypto.randomUUID()}`);
  return { inputs: await aFolder('in', root), results: await aFolder('out', root) };
}

const put = (folder: string, name: string) => aFileIn(folder, name, Buffer.from(`bytes of ${name}`));

/** A set of the local busybox image. */
const aSet = ({ inputs, results }: Places, template: object, more: object = {}) => ({
  apiVersion: 'dockerrun.dev/v1alpha1',
  kind: 'DockerRunSet',
  metadata: { name: `set-${lab.name}` },
  spec: {
    girder: { apiUrl: environment('GIRDER_API_URL'), credentialsSecretRef: { name: 'girder' } },
    source: { folder: { id: inputs }, settleSeconds: 0 },
    results: { folder: { id: results } },
    template: { spec: { image: 'busybox:local', imagePullPolicy: 'Never', ...template } },
    ...more,
  },
});

const shell = (script: string) => ({
  command: ['/bin/sh', '-ec', script],
  args: ['$(item)', '$(result)', '$(item.name)'],
});
const copies = shell('echo "$2"; cat "$0" > "$1/copy.txt"');

const run = (set: object, ...options: string[]) =>
  lab.dockerrun(['run', '-', ...options], key(), stringify(set));

type Result = { readonly _id: string; readonly name: string; readonly receipt: Receipt | undefined };

async function resultsIn(folder: string): Promise<Result[]> {
  type Item = { _id: string; name: string; meta: Record<string, unknown> };
  const items = await girder<Item[]>('GET', `item?folderId=${folder}&limit=0&sort=name`);
  return items.map(({ meta, ...item }) => ({ ...item, receipt: parseReceipt(meta['dockerrun']) }));
}

/** The names of the inputs that have a receipt. */
async function receiptsIn(folder: string): Promise<string[]> {
  const results = await resultsIn(folder);
  return results.flatMap(({ name, receipt }) => (receipt === undefined ? [] : [name]));
}

async function textOf(itemId: string, name: string): Promise<string> {
  const file = (await filesOf(itemId)).find((one) => one.name === name);
  return (await download(file?._id ?? '')).toString();
}

test('the first inputs run, the next pass does the others, and then nothing has to run', async () => {
  const folders = await places();
  for (const name of ['a', 'b', 'c', 'd', 'e']) await put(folders.inputs, name);
  const set = aSet(folders, copies);
  const first = await run(set, '--limit', '2');
  assert.is(first.code, 0, first.stderr);
  assert.is(first.stdout.toString(), 'a\nb\n');
  assert.match(first.stderr, 'dockerrun: 5 inputs: 5 to run (5 new)\n');
  assert.match(first.stderr, 'dockerrun: a: new: it has no result yet\n');
  assert.match(first.stderr, 'dockerrun: done: 2 inputs succeeded; 3 more have to run\n');
  const results = await resultsIn(folders.results);
  assert.equal(
    results.map(({ name, receipt }) => [name, receipt?.state, receipt?.attempts]),
    [
      ['a', 'Succeeded', 1],
      ['b', 'Succeeded', 1],
    ],
  );
  for (const { _id, name } of results) {
    assert.is(await textOf(_id, 'copy.txt'), `bytes of ${name}`);
    assert.is(await textOf(_id, 'log.txt'), `${name}\n`);
    assert.match(first.stderr, new RegExp(`dockerrun: result of ${name}: http.*/#item/${_id}\n`));
  }
  const second = await run(set, '--limit', '100');
  assert.is(second.code, 0, second.stderr);
  assert.is(second.stdout.toString(), 'c\nd\ne\n');
  assert.match(second.stderr, 'dockerrun: 5 inputs: 2 done, 3 to run (3 new)\n');
  const third = await run(set);
  assert.is(third.code, 0, third.stderr);
  assert.match(third.stderr, /dockerrun: 5 inputs: 5 done\ndockerrun: done: nothing has to run\n$/);
  assert.equal(await lab.left(), []);
});

test('an input that fails has its reason in the output and in its receipt, and the others are done', async () => {
  const folders = await places();
  for (const name of ['a', 'b', 'c']) await put(folders.inputs, name);
  const set = aSet(folders, shell('test "$2" != b || exit 3; cat "$0" > "$1/copy.txt"'));
  const { code, stderr } = await run(set);
  assert.is(code, 74, stderr);
  assert.match(stderr, /dockerrun: b: failed \(TargetFailed\): the target ended with exit code 3/);
  assert.match(stderr, /dockerrun: failed \(ItemsFailed\): .*2 of 3 inputs succeeded/);
  const results = await resultsIn(folders.results);
  assert.equal(
    results.map(({ name, receipt }) => [name, receipt?.state, receipt?.exitCode]),
    [
      ['a', 'Succeeded', 0],
      ['b', 'Failed', 3],
      ['c', 'Succeeded', 0],
    ],
  );
  const again = await run(set);
  assert.is(again.code, 0, again.stderr);
  assert.match(again.stderr, 'dockerrun: 3 inputs: 2 done, 1 failed for good\n');
});

test('a dry run prints what would run and why, and starts and writes nothing', async () => {
  const folders = await places();
  for (const name of ['a', 'b', 'c', 'd']) await put(folders.inputs, name);
  const { code, stdout, stderr } = await run(aSet(folders, copies, { dryRun: true }));
  assert.is(code, 0, stderr);
  assert.is(stdout.toString(), '');
  assert.match(stderr, 'dockerrun: would run the first 3 of 4 inputs');
  assert.match(stderr, 'dockerrun: c: new: it has no result yet\n');
  assert.equal(await resultsIn(folders.results), []);
  assert.match(
    stderr,
    `the results will belong to the set default/set-${lab.name}: apply it to the namespace default`,
  );
});

test('a set with a namespace has its results in the name of that namespace, without a note', async () => {
  const folders = await places();
  await put(folders.inputs, 'a');
  const set = aSet(folders, copies);
  const { code, stderr } = await run({ ...set, metadata: { ...set.metadata, namespace: 'imaging' } });
  assert.is(code, 0, stderr);
  assert.not.match(stderr, 'the results will belong');
  const [result] = await resultsIn(folders.results);
  assert.is(result?.receipt?.set, `imaging/set-${lab.name}`);
});

test('Ctrl-C stops the target of the current input, and no receipt, container or directory is left of it', async () => {
  const folders = await places();
  for (const name of ['a', 'b']) await put(folders.inputs, name);
  const set = aSet(
    folders,
    shell('test "$2" = a || { echo begun; trap "exit 0" TERM; while :; do sleep 0.1; done; }'),
  );
  const underway = lab.start(['run', '-'], key(), stringify(set));
  await underway.prints('begun\n');
  // The results of an input are uploaded while the target of the next one runs.
  await until('a has its receipt', async () => (await receiptsIn(folders.results)).includes('a'), {
    withinMs: 120_000,
  });
  underway.child.kill('SIGINT');
  const { code, stderr } = await underway.ended;
  assert.is(code, 130, stderr);
  assert.match(stderr, /the run was stopped by SIGINT/);
  assert.equal(await receiptsIn(folders.results), ['a']);
  assert.equal(await lab.left(`set-${lab.name}-local`), []);
});

for (const [what, change, options, exitCode, sentence] of [
  [
    'a mistake in the template',
    { template: { spec: { image: 'a', args: ['$(itme)'] } } },
    [],
    64,
    /spec\.template\.spec\.args\[0\]: \$\(itme\)/,
  ],
  [
    'a mistake in where',
    { source: { folder: { path: '/user/a/b' }, where: 'item.size >' } },
    [],
    64,
    /spec\.source\.where/,
  ],
  ['an unknown field', { paralelism: 3 }, [], 64, /unknown field "spec\.paralelism"/],
  ['an option for a run', {}, ['--output', 'a=b'], 2, /--input and --output are for a DockerRun/],
  ['a bad limit', {}, ['--limit', '0'], 2, /--limit 0/],
] as const) {
  test(`${what} is refused with one sentence and exit code ${exitCode}, before Girder is asked`, async () => {
    const set = aSet({ inputs: '0'.repeat(24), results: '1'.repeat(24) }, copies, change);
    const { code, stderr } = await run(set, ...options);
    assert.is(code, exitCode, stderr);
    assert.match(stderr, sentence);
    assert.match(stderr, /^dockerrun: [^\n]+\n$/);
  });
}

test('a source that does not exist is one sentence that names the field', async () => {
  const set = aSet({ inputs: '0'.repeat(24), results: '1'.repeat(24) }, copies);
  const { code, stderr } = await run(set, '--quiet');
  assert.is(code, 64, stderr);
  assert.match(stderr, /^dockerrun: failed \(GirderNotFound\): [^\n]*spec\.source\.folder[^\n]*\n$/);
});

test('examples/set.yaml runs on this machine, and its results are those of a cluster', async () => {
  const me = await girder<{ login: string }>('GET', 'user/me');
  const root = `dockerrun-set-${crypto.randomUUID()}`;
  const texts = await aFolder('Texts', await aFolder(root));
  await aFileIn(texts, 'poem.txt', Buffer.from('so much depends upon'));
  await aFileIn(texts, 'picture.png', Buffer.from('not a text'));
  const text = (await readFile('examples/set.yaml', 'utf8'))
    .replaceAll('${GIRDER_API_URL}', environment('GIRDER_API_URL'))
    .replaceAll('${PATH_OF_DATA}', `/user/${me.login}/dockerrun-tests/${root}`);
  const { code, stderr } = await lab.dockerrun(['run', '-'], key(), text);
  assert.is(code, 0, stderr);
  assert.match(stderr, '2 inputs: 1 to run (1 new), 1 excluded');
  const path = encodeURIComponent(`/user/${me.login}/dockerrun-tests/${root}/Counts`);
  const counts = await girder<{ _id: string }>('GET', `resource/lookup?path=${path}`);
  const [result] = await resultsIn(counts._id);
  assert.is(await textOf(result?._id ?? '', 'counts.txt'), 'poem.txt: 4 words\n');
  const { metadata } = parse(text) as { metadata: { name: string } };
  assert.is(result?.receipt?.set, `default/${metadata.name}`);
});

test.run();
