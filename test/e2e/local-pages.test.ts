import { readFile } from 'node:fs/promises';
import * as assert from 'uvu/assert';
import { stringify } from 'yaml';
import { pageBlock } from '../fixtures/page-blocks.ts';
import { test } from '../fixtures/suite.ts';
import { environment } from './support/environment.ts';
import { aFile, aFileIn, aFolder, anItem } from './support/girder.ts';
import { filledIn, localImage, PageShell, patternOf, printed, typed } from './support/page-shell.ts';

/** The commands about runs without a cluster, and what the pages show that they print. */

let shell: PageShell;
const unique = `local-pages-${Date.now().toString(36)}`;
const copy = ['sh', '-ec', 'cat "${0#--in=}" > "${1#--out=}"'];
const apiUrl = 'https://data.example.org/api/v1';

test.before(async () => {
  shell = await PageShell.open();
  await shell.write('segment.yaml', await manifest());
  await shell.write('coins.png', 'local coins');
});
test.after(() => shell[Symbol.dispose]());

async function manifest(): Promise<string> {
  return filledIn(pageBlock('README.md', 'metadata: { name: segment }'), {
    'registry.example.org/segment:1.4': localImage(copy),
    '5f0c6f6e9ab2b0a1c3d4e5f6': await aFile(`${unique}.png`, Buffer.from('coins')),
    '5f106f6e9ab2b0a1c3d4e5f7': await anItem(`${unique} masks`),
    [apiUrl]: environment('GIRDER_API_URL'),
  });
}

/** The lines that the commands print must have those of the page, but for the ones that may be absent. */
function assertPrinted(real: string, shown: readonly string[], absent = /^$/): void {
  const lines = real.split('\n');
  for (const line of shown.filter((one) => !absent.test(one)))
    assert.ok(
      lines.some((one) => patternOf(line).test(one)),
      `${line}\n---\n${real}`,
    );
}

test('the commands of the README run the manifest on this machine', async () => {
  const [install = '', ...runs] = pageBlock('README.md', 'make bundle').trimEnd().split('\n');
  // test/integration/packaging/npm-package.test.ts installs it.
  assert.match(install, /^make bundle && npm install -g \. /);
  assert.is(runs.length, 2);
  await shell.output(runs.join('\n'));
  assert.is(await readFile(shell.pathOf('mask.png'), 'utf8'), 'local coins');
  await shell.write('mask.png', 'old');
  await shell.output(pageBlock('docs/local-runs.md', '--output mask=./mask.png'));
  assert.is(await readFile(shell.pathOf('mask.png'), 'utf8'), 'local coins');
  const [packed = '', ...others] = pageBlock('docs/local-runs.md', 'dockerrun-0.1.0.tgz').split('\n');
  assert.match(packed, /^npm install -g \.\/dockerrun-0\.1\.0\.tgz /);
  await shell.output(others.join('\n'));
  assert.is(await readFile(shell.pathOf('out/mask.png'), 'utf8'), 'local coins');
});

test('a run prints the lines that the page shows', async () => {
  const block = pageBlock('docs/local-runs.md', 'found 24 coins');
  await shell.write(
    'segment.yaml',
    stringify({
      ...{ apiVersion: 'dockerrun.dev/v1alpha1', kind: 'DockerRun', metadata: { name: 'segment' } },
      spec: {
        ...{ image: 'busybox:local', imagePullPolicy: 'Never' },
        command: ['sh', '-c', 'echo found 24 coins; sleep 2; head -c 1204 /dev/zero > "$1"'],
        args: ['sh', '$(coins)'],
        transforms: [
          {
            name: 'photo',
            girderFileIdToVolume: { fileId: await aFile(`${unique}-photo`, Buffer.from('coins')) },
          },
          { name: 'coins', volumePath: { filename: 'coins-found.csv' } },
        ],
        girderResultHooks: [
          { girderUploadVolumePathToItem: { volumePath: 'coins', itemId: await anItem(`${unique} coins`) } },
        ],
        girder: { apiUrl: environment('GIRDER_API_URL'), credentialsSecretRef: { name: 'girder' } },
      },
    }),
  );
  const real = await shell.output(`exec 2>&1\n${typed(block).join('\n')}`);
  const page = environment('GIRDER_API_URL').replace('/api/v1', '');
  assertPrinted(
    real,
    printed(block).map((line) => line.replace('https://data.example.org', page)),
    // A download of some bytes may end before anybody sees it.
    /Downloading/,
  );
  await shell.write('segment.yaml', await manifest());
});

test('validate says which manifest is valid, and what is wrong with another one', async () => {
  const block = pageBlock('docs/local-runs.md', 'dockerrun validate segment.yaml nuclei.yaml');
  const run = (await manifest()).replace('name: segment }', 'generateName: segment- }');
  await shell.write('segment.yaml', run);
  const set = pageBlock('docs/sets.md', 'kind: DockerRunSet').replace(
    '  source:\n',
    '  source:\n    where: item.size >\n',
  );
  await shell.write('nuclei.yaml', set);
  const { code, stdout, stderr } = await shell.perform(typed(block).join('\n'));
  assert.is(code, 64);
  assertPrinted(`${stdout.toString()}${stderr}`, printed(block));
});

test('the first inputs of a set are run with the lines that the page shows', async () => {
  const root = await aFolder(unique);
  const [source, results] = [await aFolder('Slides', root), await aFolder('Nuclei', root)];
  const month = await aFolder('2026-11', source);
  for (const name of [
    'case-0000.svs',
    'case-0001.svs',
    'case-0002.svs',
    'case-0003.svs',
    'case-0004.svs',
    'notes.txt',
  ])
    await aFileIn(month, name, Buffer.from(name));
  const set = filledIn(pageBlock('docs/sets.md', 'kind: DockerRunSet'), {
    'registry.example.org/nuclei:2.3':
      'busybox:local\n      imagePullPolicy: Never\n      command: ["sh", "-c", "sleep 2"]',
    ...{
      'path: /collection/Study-7/Slides': `id: ${source}`,
      'path: /collection/Study-7/Nuclei': `id: ${results}`,
    },
    ...{
      '16Gi': '64Mi',
      [apiUrl]: environment('GIRDER_API_URL'),
      '  source:\n': '  source:\n    settleSeconds: 0\n',
    },
  });
  await shell.write('nuclei.yaml', set);
  await shell.output('GIRDER_API_KEY=… dockerrun run nuclei.yaml --limit 1');
  const block = pageBlock('docs/local-runs.md', 'dockerrun run nuclei.yaml --limit 2');
  const real = await shell.output(`exec 2>&1\n${typed(block).join('\n')}`);
  const page = environment('GIRDER_API_URL').replace('/api/v1', '');
  assertPrinted(
    real,
    printed(block).map((line) => line.replace('https://data.example.org', page)),
  );
  assert.match(
    await shell.output(`exec 2>&1\n${typed(pageBlock('docs/sets.md', '--limit 3')).join('\n')}`),
    'succeeded',
  );
});

test('programs of Python are converted with the commands of the page', async () => {
  await shell.write('plugin.py', pageBlock('docs/from-girder-worker.md', 'docker_run.delay('));
  await shell.write('pbpaste', '#!/bin/sh\ncat plugin.py\n', 0o755);
  const [convert = '', paste = ''] = pageBlock('docs/writing-manifests.md', 'pbpaste').split('\n');
  // A value is missing, as the page says.
  assert.is((await shell.perform(convert)).code, 1);
  assert.match(await readFile(shell.pathOf('runs.yaml'), 'utf8'), /kind: DockerRun/);
  const { stdout } = await shell.perform(paste);
  assert.match(stdout.toString(), /f11e00000000000000000001/);
});

test('what a killed run leaves is found with the commands of the page', async () => {
  const lines = pageBlock('docs/local-runs.md', 'docker ps --filter').trimEnd().split('\n');
  const [containers = '', directories = ''] = lines;
  assert.match(await shell.output(containers), /^CONTAINER ID/);
  await shell.output(`mkdir dockerrun-left; TMPDIR=. ; ${directories} | grep -x ./dockerrun-left`);
});

test.run();
