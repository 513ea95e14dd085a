import { randomBytes } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import * as assert from 'uvu/assert';
import { ociImage } from '../fixtures/oci-image.ts';
import { pageBlock, pageBlocks } from '../fixtures/page-blocks.ts';
import { Registry } from '../fixtures/registry.ts';
import { ScratchDirectory } from '../fixtures/scratch-directory.ts';
import { until } from '../fixtures/until.ts';
import { concurrentTest } from './support/concurrent-tests.ts';
import { environment } from './support/environment.ts';
import { aFile, anItem, download, filesOf, girder, sha256 } from './support/girder.ts';
import {
  type FilledIn,
  filledIn,
  localImage,
  PageShell,
  pathInGirder,
  printed,
  typed,
} from './support/page-shell.ts';
import { Lab } from './support/runs.ts';
import { execute, succeed } from './support/shell.ts';

/** The manifests and commands of the how-to pages, as their readers would complete them. */

const test = concurrentTest();
const apiUrl = 'https://data.example.org/api/v1';
const unique = `pages-${Date.now().toString(36)}`;
let lab: Lab;
let shell: PageShell;

test.before(async () => {
  lab = await Lab.open('how-to-pages');
  shell = await PageShell.open(lab.namespace);
});
test.after(async () => {
  shell[Symbol.dispose]();
  await lab.close();
});

/** Applies a manifest as it stands. */
function apply(text: string) {
  return execute('kubectl', ['--namespace', lab.namespace, 'apply', '-f', '-'], { input: text });
}

/** What the API server and the operator would say, where there is no run of the same name. */
function asked(text: string) {
  const options = ['--dry-run=server', '--validate=strict'];
  return execute('kubectl', ['--namespace', 'default', 'apply', '-f', '-', ...options], { input: text });
}

/** Applies a manifest of a page, with what its reader fills in; it must be accepted. */
async function applied(text: string, parts: FilledIn): Promise<void> {
  const own = filledIn(text, parts);
  const { code, stderr } = await apply(own);
  assert.is(code, 0, `${own}\n${stderr}`);
}

async function succeeded(name: string): Promise<string> {
  const status = await lab.ended(name);
  assert.is(status.phase, 'Succeeded', `${name}: ${status.message}`);
  return lab.output(name);
}

async function textIn(itemId: string): Promise<Record<string, string>> {
  const files = await filesOf(itemId);
  const texts = files.map(async ({ _id, name }) => [name, (await download(_id)).toString()]);
  return Object.fromEntries(await Promise.all(texts)) as Record<string, string>;
}

/** A spec of which the page has only some fields, as a whole run. */
const wholeRun = (fields: string) => `
apiVersion: dockerrun.dev/v1alpha1
kind: DockerRun
metadata: { name: snippet }
spec:
  image: busybox:1.36
  girder: { apiUrl: '${apiUrl}', credentialsSecretRef: { name: girder } }
${fields.replaceAll(/^/gm, '  ')}`;

test('the API server and the admission of the operator accept the manifests of the pages as they stand', async () => {
  const whole = [
    ...pageBlocks('docs/how-to/gpu.md', 'yaml'),
    ...pageBlocks('docs/how-to/kueue.md', 'yaml'),
    ...pageBlocks('docs/how-to/pipes.md', 'yaml'),
    ...pageBlocks('docs/how-to/private-registry.md', 'yaml'),
    ...pageBlocks('docs/how-to/big-files.md', 'yaml').filter(({ text }) => !text.includes('bindMount')),
  ].map(({ text }) => text);
  const others = [
    pageBlock('README.md', 'name: nuclei }'),
    pageBlock('docs/writing-manifests.md', 'yaml-language-server'),
    ...pageBlocks('docs/manifest.md', 'yaml').map(({ text }) => wholeRun(text)),
    `${pageBlock('docs/gitops.md', 'sync-wave:')}  name: waved\n${wholeRun('').replace(/^metadata.*\n/m, '')}`,
  ];
  for (const text of [...whole, ...others]) {
    const { code, stderr } = await asked(text);
    assert.equal([code, stderr], [0, ''], text);
  }
});

test('a stream without a copy, as the page has it', async () => {
  const bytes = randomBytes(300_000);
  await applied(pageBlock('docs/how-to/big-files.md', 'name: checksum'), {
    'busybox:1.36': localImage(),
    [apiUrl]: environment('GIRDER_API_URL'),
    '5f0c6f6e9ab2b0a1c3d4e5f6': await aFile(`${unique}-slide`, bytes),
  });
  assert.match(await succeeded('checksum'), new RegExp(`^${sha256(bytes)} `));
});

test('a download with room for it, and a result in a folder that the run creates', async () => {
  await aFile(`${unique}.svs`, Buffer.from('a slide'));
  const copy = ['sh', '-ec', 'cat "${0#--in=}" > "${1#--out=}"'];
  await applied(pageBlock('docs/how-to/big-files.md', 'name: whole-slide'), {
    'registry.example.org/segment:1.4': localImage(copy),
    // What this machine has.
    ...{ '60Gi': '60Mi', '16Gi': '64Mi', [apiUrl]: environment('GIRDER_API_URL') },
    '/collection/Study-7/Slides/case-0412.svs/case-0412.svs': await pathInGirder(
      `${unique}.svs`,
      `${unique}.svs`,
    ),
    '/collection/Study-7/Masks': await pathInGirder(`${unique}-masks`),
  });
  await succeeded('whole-slide');
  const path = encodeURIComponent(await pathInGirder(`${unique}-masks`, 'mask.tiff'));
  const { _id } = await girder<{ _id: string }>('GET', `resource/lookup?path=${path}`);
  assert.equal(await textIn(_id), { 'mask.tiff': 'a slide' });
});

test('the disk of Girder is mounted where the policy allows it, and refused elsewhere with the name of its list', async () => {
  using directory = ScratchDirectory.mountable();
  const file = join(directory.path, '3f/a1/3fa1c0ffee');
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, '12345');
  const text = pageBlock('docs/how-to/big-files.md', 'name: in-place');
  // The webhook may not answer in time on a busy machine.
  const { stderr } = await until('it is refused', () => asked(text), {
    ...{ holds: ({ code }) => code === 1, withinMs: 120_000, everyMs: 500 },
  });
  assert.match(stderr, /\/srv\/assetstore.*hostPaths/);
  await applied(text, { 'busybox:1.36': localImage(), '/srv/assetstore': directory.path });
  assert.match(await succeeded('in-place'), /^5 \/mnt\/assetstore\/3f\/a1\/3fa1c0ffee\n$/);
});

test('a model in a claim is read', async () => {
  using directory = new ScratchDirectory('models');
  await writeFile(join(directory.path, 'unet.pt'), 'weights');
  const volumeName = `${lab.namespace}-models`;
  const common = { accessModes: ['ReadWriteOnce'], storageClassName: '' };
  const claimRef = { namespace: lab.namespace, name: 'models' };
  const spec = { ...common, capacity: { storage: '1Gi' }, claimRef, hostPath: { path: directory.path } };
  const resources = { requests: { storage: '1Gi' } };
  for (const one of [
    { kind: 'PersistentVolume', metadata: { name: volumeName }, spec },
    {
      kind: 'PersistentVolumeClaim',
      metadata: { name: 'models' },
      spec: { ...common, volumeName, resources },
    },
  ])
    assert.is((await lab.apply({ apiVersion: 'v1', ...one })).code, 0);
  try {
    await applied(pageBlock('docs/how-to/big-files.md', 'name: with-model'), {
      'registry.example.org/unet:2.0': localImage(['sh', '-c', 'cat "${0#--model=}"']),
    });
    assert.is(await succeeded('with-model'), 'weights');
  } finally {
    await succeed('kubectl', ['delete', 'persistentvolume', volumeName, '--wait=false']);
  }
});

test('a file is filtered while it is downloaded, and the output of a target becomes a file', async () => {
  const [errors, table] = [await anItem(`${unique} errors`), await anItem(`${unique} table`)];
  await aFile(`${unique}.log`, Buffer.from('ERROR one\nfine\nERROR two\n'));
  await applied(pageBlock('docs/how-to/pipes.md', 'name: filter'), {
    ...{ 'busybox:1.36': localImage(), [apiUrl]: environment('GIRDER_API_URL') },
    '/collection/Lab/logs/today.txt/today.txt': await pathInGirder(`${unique}.log`, `${unique}.log`),
    a17e0000000000000000000f: errors,
  });
  await applied(pageBlock('docs/how-to/pipes.md', 'name: table'), {
    ...{
      'registry.example.org/measure:3.0': localImage(['echo', 'a,b']),
      [apiUrl]: environment('GIRDER_API_URL'),
    },
    a17e0000000000000000000f: table,
  });
  await succeeded('filter');
  assert.equal(await textIn(errors), { 'errors.txt': 'ERROR one\nERROR two\n' });
  await succeeded('table');
  const [file] = (await filesOf(table)) as { name: string; mimeType?: string }[];
  assert.equal([file?.name, file?.mimeType], ['table.csv', 'text/csv']);
});

test('an image of a private registry is pulled with the Secret that the command of the page makes', async () => {
  await using registry = await Registry.start();
  const files = { busybox: await readFile('/bin/busybox'), data: randomBytes(64) };
  const image = await registry.push('imaging/segment', ociImage(files, ['/busybox', 'echo', 'pulled']));
  try {
    const command = pageBlock('docs/how-to/private-registry.md', 'create secret docker-registry');
    await shell.output(
      filledIn(command, {
        ...{ 'registry.example.org': registry.host, robot: registry.user, '…': `'${registry.password}'` },
      }),
    );
    await applied(pageBlock('docs/how-to/private-registry.md', 'name: private'), {
      'registry.example.org/imaging/segment:1.4': image,
      'args: [--version]': 'args: [/busybox, echo, pulled]',
    });
    assert.is(await succeeded('private'), 'pulled\n');
  } finally {
    await succeed('docker', ['image', 'rm', '--force', image]);
  }
});

test('without a GPU a run waits with the message of the scheduler, and fails after its start deadline', async () => {
  await applied(pageBlock('docs/how-to/gpu.md', 'startDeadlineSeconds'), { '600': '35' });
  await applied(pageBlock('docs/how-to/gpu.md', 'name: gpu-reserved'), {});
  for (const [name, cause] of [
    ['gpu', /Insufficient nvidia\.com\/gpu/],
    ['gpu-reserved', /node affinity\/selector/],
  ] as const) {
    const { status } = await lab.until(name, 'waits for a node', {
      holds: ({ status: { message = '' } }) => cause.test(message),
    });
    assert.is(status.phase, 'Pending');
  }
  const { phase, reason, message } = await lab.ended('gpu');
  assert.equal([phase, reason], ['Failed', 'StartDeadlineExceeded']);
  assert.match(message ?? '', /Insufficient nvidia\.com\/gpu/);
});

test('a run with the labels of Kueue is shown as the page has it while a queue holds its Job', async () => {
  const text = pageBlock('docs/how-to/kueue.md', 'kueue.x-k8s.io/priority-class');
  const labels = [...text.matchAll(/^ +(kueue\S+): (\w+)/gm)].map(([, key, value]) => [key, value]);
  assert.is(labels.length, 2);
  await applied(text, { 'name: segment': 'name: queued' });
  const { status } = await lab.until('queued', 'has a Job', {
    holds: (run) => run.status.jobName !== undefined,
  });
  const job = status.jobName ?? '';
  const own = JSON.parse(await lab.kubectl('get', 'job', job, '-o', 'jsonpath={.metadata.labels}')) as object;
  for (const [key, value] of labels)
    assert.is(Object.entries(own).find(([name]) => name === key)?.[1], value);
  await lab.kubectl('patch', 'job', job, '--type=merge', '--patch={"spec":{"suspend":true}}');
  const block = pageBlock('docs/how-to/kueue.md', 'kubectl get dockerruns');
  await lab.until('queued', 'is held', { holds: (run) => run.status.reason === 'Queued' });
  const table = await shell.output(typed(block).join('\n'));
  const shown = printed(block).map((line) =>
    line.replaceAll('segment', 'queued').split(/[ …]+/).filter(Boolean),
  );
  const lines = table.split('\n').map((line) => line.split(/ +/));
  for (const words of shown)
    assert.ok(
      lines.some((line) => words.every((word) => line.includes(word))),
      `${words.join(' ')}\n${table}`,
    );
});

test.run();
