import * as assert from 'uvu/assert';
import { receiptKey } from '../../../../src/api/set/receipt.ts';
import { suite } from '../../../fixtures/suite.ts';
import { ask } from '../../girder/real-girder.ts';
import { ChunkLab } from './chunk-lab.ts';

const test = suite<{ lab: ChunkLab }>('the results of a chunk');

test.before.each(async (context) => {
  context.lab = await ChunkLab.open();
});

test.after.each(async ({ lab }) => {
  await lab[Symbol.asyncDispose]();
});

const shell = (script: string, ...args: string[]) => ({ command: ['sh', '-c', script, 'sh'], args });
const copy = shell('cp "$1" "$2/copy"', '$(item)', '$(result)');

test('the result of another set, or of a person, stays as it is', async ({ lab }) => {
  const items = await lab.inputs({ a: '1', b: '2', c: '3', d: '4' });
  const { scratch, results } = lab;
  const foreign = await scratch.item('a', [['copy', 'theirs']], results);
  const metadata = JSON.stringify({ [receiptKey]: { set: 'lab/other' } });
  await ask(scratch.admin, 'PUT', ['item', foreign], { metadata });
  await scratch.item('b', [['copy', 'mine']], results);
  const lost = await scratch.item('d', [['copy', 'whose?']], results);
  const withoutSet = JSON.stringify({ [receiptKey]: { state: 'Succeeded' } });
  await ask(scratch.admin, 'PUT', ['item', lost], { metadata: withoutSet });
  const end = await lab.run({ items, spec: copy });
  assert.is(end.states, 'ffsf', end.message);
  assert.match(end.message, '3 of 4 inputs failed (ResultNotOurs 3)');
  assert.match(
    end.message,
    'is not of the DockerRunSet lab/nuclei: it belongs to the DockerRunSet lab/other',
  );
  assert.equal(await lab.filesOf('d'), { copy: 'whose?' });
  assert.equal(await lab.filesOf('a'), { copy: 'theirs' });
  assert.equal(await lab.filesOf('b'), { copy: 'mine' });
  assert.is(await lab.receiptOf('b'), undefined);
});

test('files that the target no longer makes are removed, and those of people stay', async ({ lab }) => {
  const items = await lab.inputs({ a: '1' });
  const first = shell('cp "$1" "$2/copy"; cp "$1" "$2/old"; echo log', '$(item)', '$(result)');
  assert.is((await lab.run({ items, spec: first })).states, 's');
  assert.equal(Object.keys(await lab.filesOf('a')).toSorted(), ['copy', 'log.txt', 'old']);
  const { id = '' } = (await lab.resultOf('a')) ?? {};
  await lab.scratch.file(id, 'notes.txt', 'by a person');
  const kept = await lab.fileIn('a', 'copy');
  const again = await lab.run({ items, spec: copy, forEach: { log: 'OnFailure' } });
  assert.is(again.states, 's', again.message);
  assert.equal(Object.keys(await lab.filesOf('a')).toSorted(), ['copy', 'notes.txt']);
  assert.is(await lab.fileIn('a', 'copy'), kept, 'an equal file is not sent again');
});

test('a failure keeps the files of an earlier result, and a later success removes them', async ({ lab }) => {
  const items = await lab.inputs({ a: '1' });
  assert.is((await lab.run({ items, spec: copy })).states, 's');
  const failing = shell('exit 1', '$(item)', '$(result)');
  assert.is((await lab.run({ items, spec: failing })).states, 'f');
  assert.is((await lab.receiptOf('a'))?.outputs?.length, 2);
  const other = shell('cp "$1" "$2/other"', '$(item)', '$(result)');
  assert.is((await lab.run({ items, spec: other })).states, 's');
  assert.equal(Object.keys(await lab.filesOf('a')).toSorted(), ['log.txt', 'other']);
});

test('a directory in the result fails the input, because an item holds only files', async ({ lab }) => {
  const items = await lab.inputs({ a: '1' });
  const spec = shell('mkdir "$2/sub"; cp "$1" "$2/sub/copy"', '$(item)', '$(result)');
  const end = await lab.run({ items, spec });
  assert.is(end.states, 'f');
  assert.match(end.message, 'OutputUnsafe 1');
  assert.match(end.message, 'sub is a directory, and an item can hold only files');
});

test('an input that killed its worker before has a receipt of that before its target starts', async ({
  lab,
}) => {
  const items = await lab.inputs({ a: '1' });
  const stop = new AbortController();
  const held = 'while [ ! -e /tmp/over ]; do sleep 0.2; done';
  const spec = shell(`${held}; cp "$1" "$2/copy"`, '$(item)', '$(result)');
  const given = {
    items: items.map((item) => ({ ...item, attempts: 1 })),
    spec,
    forEach: { isCautious: true },
  };
  const running = lab.run({ ...given, signal: stop.signal, uid: 'cautious' });
  await lab.targets.running('cautious');
  const during = await lab.receiptOf('a');
  assert.is(during?.reason, 'WorkerLost');
  assert.is(during?.attempts, 2);
  stop.abort(new Error('stopped'));
  assert.is((await running).states, 'w');
  assert.is(await lab.receiptOf('a'), undefined, 'a worker that was only stopped takes it back');
  const again = lab.run({ ...given, uid: 'cautious-again' });
  await lab.targets.running('cautious-again');
  await lab.endTargets('cautious-again');
  assert.is((await again).states, 's');
  assert.is((await lab.receiptOf('a'))?.state, 'Succeeded');
});

test('values that look like names stay text, and ids of files can be values', async ({ lab }) => {
  const id = await lab.scratch.item('$(result)', []);
  const fileId = await lab.scratch.file(id, 'data', 'streamed');
  const item = lab.entry(id, '$(result)');
  const items = [{ ...item, values: { ...item.values, 'item.file.id': fileId } }];
  const spec = {
    ...shell('echo "$1 $2"; cat "$3"', '$(item.name)', '$$(item.name)', '$(in)'),
    transforms: [
      {
        name: 'in',
        connect: {
          input: { girderFileIdToStream: { fileId: '$(item.file.id)' } },
          output: { namedInputPipe: { name: 'in-$(item.id)' } },
        },
      },
    ],
  };
  const end = await lab.run({ items, spec });
  assert.is(end.states, 's', end.message);
  assert.is(end.stdout, '$(result) $(item.name)\nstreamed');
});

test.run();
