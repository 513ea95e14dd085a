import { chmod, readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { test } from '../fixtures/suite.ts';
import * as assert from 'uvu/assert';
import { parse, stringify } from 'yaml';
import { pageBlock, pageBlocks } from '../fixtures/page-blocks.ts';
import { ScratchDirectory } from '../fixtures/scratch-directory.ts';
import { environment } from './support/environment.ts';
import { aFile, anItem, download, filesOf, girder } from './support/girder.ts';
import { Lab } from './support/runs.ts';
import { type Finished, execute } from './support/shell.ts';

/**
 * The commands of docs/first-steps.md, in their order and as the people would type them. What a reader fills in is
 * replaced (namespace, images, key, ids), and a watch by a wait, because a watch does not end.
 */

const unique = `first-steps-${Date.now().toString(36)}`;
const scientist = { as: 'ann', 'as-groups': ['scientists'] };

/** The commands of a section of the page, one block after the other. */
function commandsOf(name: string): string[] {
  const blocks = pageBlocks('docs/first-steps.md', 'sh').filter(({ section }) => section.startsWith(name));
  return blocks.map(({ text }) => text);
}

let lab: Lab;
const directory = new ScratchDirectory('first-steps');
let place: { fileId: string; itemId: string; key: string; keyId: string };

test.before(async () => {
  lab = await Lab.open('first-steps');
  // The page creates it.
  await lab.kubectl('delete', 'namespace', lab.namespace);
  const scope = encodeURIComponent('["core.data.read","core.data.write"]');
  const { _id, key } = await girder<{ _id: string; key: string }>(
    'POST',
    `api_key?name=${unique}&scope=${scope}&active=true`,
  );
  const fileId = await aFile(`${unique}.png`, Buffer.from('coins'));
  place = { fileId, itemId: await anItem(`${unique} result`), key, keyId: _id };
  await writeFile(join(directory.path, 'segment.yaml'), filledIn());
  await writeFile(join(directory.path, 'coins.png'), 'local coins');
  const dockerrun = join(directory.path, 'dockerrun');
  await writeFile(dockerrun, `#!/bin/sh\nexec node '${resolve('src/main.ts')}' "$@"\n`);
  await chmod(dockerrun, 0o755);
});
test.after(async () => {
  await girder('DELETE', `api_key/${place.keyId}`);
  directory[Symbol.dispose]();
  await lab.close();
});

/** The manifest of the README, with an image that exists and copies its input. */
function filledIn(): string {
  const copy = `command: [sh, -c, 'cat "\${0#--in=}" | tee "\${1#--out=}"']\n  imagePullPolicy: Never`;
  return pageBlock('README.md', 'metadata: { name: segment }')
    .replace('registry.example.org/segment:1.4', `busybox:local\n  ${copy}`)
    .replace(/fileId: [^ ]+/, `fileId: '${place.fileId}'`)
    .replace(/itemId: [^ ]+/, `itemId: '${place.itemId}'`)
    .replace('https://data.example.org/api/v1', environment('GIRDER_API_URL'));
}

/** Runs a block of commands until one fails. */
function perform(commands: string, kubeconfig = environment('KUBECONFIG')): Promise<Finished> {
  const own = commands
    .replaceAll(/\bimaging\b/g, lab.namespace)
    .replaceAll('busybox:1.36', 'busybox:local')
    .replaceAll('…', place.key)
    .replaceAll(/get (dockerruns.*) --watch$/gm, 'wait --for=condition=Complete --timeout=170s --all $1');
  const env = `export KUBECONFIG='${kubeconfig}' PATH='${directory.path}':"$PATH"; unset GIRDER_API_KEY`;
  return execute('bash', ['-euc', `${env}\n${own}`], { cwd: directory.path, seconds: 240 });
}

async function performAll(section: string, kubeconfig?: string): Promise<Finished[]> {
  const all: Finished[] = [];
  for (const commands of commandsOf(section)) {
    const finished = await perform(commands, kubeconfig);
    assert.is(finished.code, 0, `${commands}\n${finished.stdout.toString()}${finished.stderr}`);
    all.push(finished);
  }
  return all;
}

/** The kubeconfig of somebody in the group of the page's RoleBinding. */
async function scientistsConfig(): Promise<string> {
  const config = parse(await lab.kubectl('config', 'view', '--raw', '--flatten')) as {
    users: { user: object }[];
  };
  const users = config.users.map((one) => ({ ...one, user: { ...one.user, ...scientist } }));
  const path = join(directory.path, 'kubeconfig');
  await writeFile(path, stringify({ ...config, users }), { mode: 0o600 });
  return path;
}

test('the administrator gets a namespace in which a run succeeds', async () => {
  const all = await performAll('Administrator');
  assert.match(all.at(-1)?.stdout.toString() ?? '', /hello-\w+ condition met/);
});

test('the scientist, with no more rights than the page gives, gets a result, its log and its address', async () => {
  const all = await performAll('Scientist', await scientistsConfig());
  const [, , , log, results, message, again] = all.map(({ stdout }) => stdout.toString());
  assert.is(log, 'coins');
  assert.match(results ?? '', new RegExp(`^mask.png  http.*/#item/${place.itemId}\\n$`));
  assert.match(message ?? '', /^Succeeded: .*1 result is in Girder/);
  const [, name = ''] = /dockerruns?\S*\/(segment-\w+) created/.exec(again ?? '') ?? [];
  assert.is((await lab.ended(name)).phase, 'Succeeded');
  const [file] = await filesOf(place.itemId);
  assert.is((await download(file?._id ?? '')).toString(), 'coins');
});

test('the developer tries the same manifest with local files, then with those of Girder', async () => {
  const [local, remote] = await performAll('Developer');
  assert.is(local?.stdout.toString(), 'local coins');
  assert.is(await readFile(join(directory.path, 'mask.png'), 'utf8'), 'local coins');
  assert.is(remote?.stdout.toString(), 'coins');
});

test.run();
