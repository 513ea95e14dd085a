import * as assert from 'uvu/assert';
import { pageBlock } from '../fixtures/page-blocks.ts';
import { test } from '../fixtures/suite.ts';
import { environment } from './support/environment.ts';
import { aFile, anItem, download, filesOf } from './support/girder.ts';
import { filledIn, localImage, PageShell, printed, typed } from './support/page-shell.ts';
import { Lab, untilReleased } from './support/runs.ts';
import { execute } from './support/shell.ts';

/** The commands about a run in the README, and in the pages about its life and its troubles, in a namespace. */

let lab: Lab;
let shell: PageShell;
let itemId: string;

const copy = ['sh', '-c', 'echo found; cat "${0#--in=}" > "${1#--out=}"'];

test.before(async () => {
  lab = await Lab.open('readme-pages');
  // The page creates it.
  await lab.kubectl('delete', 'secret', 'girder');
  shell = await PageShell.open(lab.namespace);
  itemId = await anItem(`${lab.namespace} masks`);
  await shell.write('segment.yaml', await manifest());
});
test.after(async () => {
  shell[Symbol.dispose]();
  await lab.close();
});

async function manifest(): Promise<string> {
  return filledIn(pageBlock('README.md', 'metadata: { name: segment }'), {
    'registry.example.org/segment:1.4': localImage(copy),
    '5f0c6f6e9ab2b0a1c3d4e5f6': await aFile(`${lab.namespace}.png`, Buffer.from('coins')),
    '5f106f6e9ab2b0a1c3d4e5f7': itemId,
    'https://data.example.org/api/v1': environment('GIRDER_API_URL'),
  });
}

const jobName = async () => (await lab.get('segment')).status.jobName ?? '';

/** The cells of the lines of a table, with its head. */
const cells = (lines: readonly string[]) => lines.map((line) => line.trim().split(/ +/));

test('the commands of the README make a run, and show it as the README does', async () => {
  const block = pageBlock('README.md', 'kubectl create secret generic girder');
  const [create, apply, get = '', wait, logs = '', results = ''] = typed(block);
  await shell.output([create, apply, wait].join('\n'));
  const real = cells((await shell.output(get)).trim().split('\n'));
  const shown = cells(printed(block));
  assert.equal(real[0], shown[0]);
  assert.equal(
    real.map((row) => row.length),
    shown.map((row) => row.length),
    real.join('\n'),
  );
  assert.is(await shell.output(filledIn(logs, { 'segment-4f1c09ab': await jobName() })), 'found\n');
  assert.match(await shell.output(results), 'mask.png');
  const [file] = await filesOf(itemId);
  assert.is((await download(file?._id ?? '')).toString(), 'coins');
});

test('the commands for troubles show this run, its trace, the nodes and the log of the controller', async () => {
  const [get = ''] = pageBlock('docs/troubleshooting.md', 'dockerrun doctor').split('\n');
  assert.match(await shell.output(get), /Succeeded/);
  assert.is(await shell.output(pageBlock('docs/troubleshooting.md', 'dockerrun logs segment')), 'found\n');
  const { metadata } = await lab.get('segment');
  const trace = await shell.output(pageBlock('docs/tracing.md', '{.metadata.uid}'));
  assert.is(trace, metadata.uid.replaceAll('-', ''));
  const pods = await shell.output(
    pageBlock('docs/troubleshooting.md', 'logs deployment/dockerrun-controller'),
  );
  assert.match(pods, /^dockerrun-controller-\S+ +\d\/\d +Running/m);
  const nodes = await shell.output(pageBlock('docs/operations.md', 'kubectl get nodes -L'));
  assert.match(nodes, / ready$/m);
  assert.match(nodes, /^dockerrun-node-agent-\S+ /m);
  const label = pageBlock('docs/troubleshooting.md', 'kubectl label namespace');
  await shell.output(filledIn(label, { imaging: lab.namespace }));
});

test('all lines of the log about a run are found with the command of the page', async () => {
  const command = pageBlock('docs/operations.md', 'grep');
  const lines = (await shell.output(filledIn(command, { 'lab/segment': `${lab.namespace}/segment` }))).trim();
  for (const line of lines.split('\n'))
    assert.is((JSON.parse(line) as { dockerRun: string }).dockerRun, `${lab.namespace}/segment`);
});

test('the verbs of dockerrun in the README submit the run, show its output and its results, and list others', async () => {
  await lab.kubectl('delete', 'dockerrun', 'segment');
  const lines = pageBlock('README.md', 'dockerrun submit').split('\n');
  // The last one serves a page until Ctrl-C: test/e2e/ui.test.ts.
  assert.match(lines[3] ?? '', /^dockerrun ui /);
  const output = await shell.output(lines.slice(0, 3).join('\n'));
  assert.match(output, /run\/segment created\n/);
  assert.match(output, `\nfound\nhttp`);
  assert.match(output, `/#item/${itemId}\n`);
});

test('the commands that stop a run do what the page says of each', async () => {
  await lab.kubectl('delete', 'dockerrun', 'segment');
  const lines = pageBlock('docs/lifecycle.md', '"cancel":true').trimEnd().split('\n');
  const [cancel = '', remove = '', removeAndWait = '', suspend = ''] = lines;
  const command = ['sh', '-c', untilReleased];
  const spec = { command, terminationGracePeriodSeconds: 1 };
  await lab.run('segment', spec);
  await lab.running('segment');
  await shell.output(suspend);
  const isSuspended = { holds: ({ status }: { status: { phase?: string } }) => status.phase === 'Suspended' };
  await lab.until('segment', 'is suspended', isSuspended);
  await shell.output(cancel);
  assert.is((await lab.ended('segment')).phase, 'Cancelled');
  await shell.output(remove);
  await lab.run('segment', spec);
  const { status } = await lab.running('segment');
  await shell.output(removeAndWait);
  const { code } = await execute('docker', ['inspect', status.target?.containerID ?? '']);
  assert.is(code, 1, 'the target is gone');
  assert.is((await shell.perform('kubectl get dockerrun segment')).code, 1);
});

test.run();
