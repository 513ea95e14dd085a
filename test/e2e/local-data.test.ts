import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from '../fixtures/suite.ts';
import * as assert from 'uvu/assert';
import { LocalLab } from './support/local-run.ts';

/** `dockerrun run` with files of this machine: nothing here has a Girder, an id or a key. */

let lab: LocalLab;
test.before(async () => {
  lab = await LocalLab.open();
  await writeFile(join(lab.directory, 'numbers.txt'), '1\n2\n');
  await mkdir(join(lab.directory, 'series'));
  await writeFile(join(lab.directory, 'series', '1.dcm'), 'slice');
});
test.after(() => lab[Symbol.asyncDispose]());

const local = (name: string) => join(lab.directory, name);
const toItem = (volumePath: string) => ({ girderUploadVolumePathToItem: { volumePath } });

test('inputs come from local paths and results go to local paths, without any Girder', async () => {
  const file = await lab.file(
    lab.run({
      command: ['sh', '-ec'],
      args: ['cat "$0" "$1"/*; cat "$2" > "$3"; mkdir "$4"; echo x > "$4/a.csv"'].concat(
        ...['$(numbers)', '$(series)', '$(stream)', '$(sum)', '$(tables)'],
      ),
      transforms: [
        { name: 'numbers', girderFileIdToVolume: {} },
        { name: 'series', girderFolderIdToVolume: {} },
        {
          name: 'stream',
          connect: { input: { girderFileIdToStream: {} }, output: { namedInputPipe: { name: 'in' } } },
        },
        { name: 'sum', volumePath: { filename: 'sum.txt' } },
        { name: 'tables', volumePath: { filename: 'tables' } },
      ],
      girderResultHooks: [toItem('sum'), toItem('tables')],
      girder: { apiUrl: 'https://nowhere.invalid/api/v1', credentialsSecretRef: { name: 'girder' } },
    }),
  );
  const inputs = ['-i', `numbers=${local('numbers.txt')}`, '-i', `series=${local('series')}`];
  const outputs = ['-o', `sum=${local('results/sum.txt')}`, '-o', `tables=${local('results')}`];
  const stream = ['--input', `stream=${local('numbers.txt')}`];
  const { code, stdout, stderr } = await lab.dockerrun(['run', file, ...inputs, ...stream, ...outputs]);
  assert.is(code, 0, stderr);
  assert.is(stdout.toString(), '1\n2\nslice');
  assert.is(await readFile(local('results/sum.txt'), 'utf8'), '1\n2\n');
  assert.is(await readFile(local('results/tables/a.csv'), 'utf8'), 'x\n');
  assert.match(stderr, `dockerrun: result sum.txt: ${local('results/sum.txt')}\n`);
  assert.equal(await lab.left(), []);
});

test('a target that changes its input does not change the local file', async () => {
  const file = await lab.file(
    lab.run({
      command: ['sh', '-ec', 'echo changed > "$0"', '$(numbers)'],
      transforms: [{ name: 'numbers', girderFileIdToVolume: {} }],
    }),
  );
  const { code, stderr } = await lab.dockerrun(['run', file, '--input', `numbers=${local('numbers.txt')}`]);
  assert.is(code, 0, stderr);
  assert.is(await readFile(local('numbers.txt'), 'utf8'), '1\n2\n');
});

test('a link in a result is refused as in a cluster, so that no other file of this machine is read', async () => {
  await writeFile(local('secret'), 'private');
  const file = await lab.file(
    lab.run({
      command: ['sh', '-ec', 'ln -s "$1" "$0"', '$(out)', local('secret')],
      transforms: [{ name: 'out', volumePath: { filename: 'out.txt' } }],
    }),
  );
  const { code, stderr } = await lab.dockerrun(['run', file, '--output', `out=${local('copy.txt')}`]);
  assert.is(code, 64, stderr);
  assert.match(stderr, 'OutputUnsafe');
});

test('a result that is missing fails the run and names the option', async () => {
  const file = await lab.file(
    lab.run({ command: ['true'], transforms: [{ name: 'out', volumePath: { filename: 'out.txt' } }] }),
  );
  const { code, stderr } = await lab.dockerrun(['run', file, '--output', `out=${local('none.txt')}`]);
  assert.is(code, 64, stderr);
  assert.match(stderr, 'failed (OutputMissing): --output out');
  assert.equal(await lab.left(), []);
});

test('an input that is missing or of another kind is refused before anything starts', async () => {
  const file = await lab.file(
    lab.run({ command: ['true'], transforms: [{ name: 'in', girderFileIdToVolume: {} }] }),
  );
  const missing = await lab.dockerrun(['run', file, '--input', `in=${local('none')}`]);
  assert.is(missing.code, 64);
  assert.match(missing.stderr, '--input in: cannot read');
  const directory = await lab.dockerrun(['run', file, '--input', `in=${local('series')}`]);
  assert.is(directory.code, 64);
  assert.match(directory.stderr, 'is not a file');
});

test.run();
