import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { importForEngine, saveImage } from '../cluster/node2/node-images.ts';
import { node2, node2Files } from '../cluster/node2/node2-layout.ts';
import { operatorImage } from '../cluster/operator/image.ts';
import { bigFile, throughPipe } from '../e2e/support/big-file.ts';
import { environment } from '../e2e/support/environment.ts';
import { anItem, download, filesOf } from '../e2e/support/girder.ts';
import { LocalLab } from '../e2e/support/local-run.ts';
import { succeed } from '../e2e/support/shell.ts';
import { test } from '../fixtures/suite.ts';
import { until } from '../fixtures/until.ts';
import { engineIs, expectSoundKernel } from './second-node.ts';

/** `dockerrun run` on this machine with the engine of another one, over a real ssh server: no path is shared. */

const loadMs = 300_000;
let lab: LocalLab;
let overSsh: NodeJS.ProcessEnv;
let before: string[];

test.before(async () => {
  await engineIs('ready');
  const signal = AbortSignal.timeout(loadMs);
  await importForEngine(await saveImage(operatorImage, signal), signal);
  before = await volumes();
  lab = await LocalLab.open();
  overSsh = await sshToTheNode();
  await writeFile(local('numbers.txt'), '1\n2\n', { mode: 0o600 });
});
test.after(async () => {
  await succeed(local('bin/ssh'), ['-O', 'exit', 'server']).catch(() => '');
  await lab[Symbol.asyncDispose]();
  expectSoundKernel();
});

const local = (name: string) => join(lab.directory, name);
const options = ['--worker-image', environment('DOCKERRUN_IMAGE')];

/** A user's ssh with a configuration in which the node is `server`. */
async function sshToTheNode(): Promise<NodeJS.ProcessEnv> {
  const settings = [
    'Host server',
    `HostName ${node2.address}`,
    `IdentityFile ${node2Files.key}`,
    ...['StrictHostKeyChecking no', 'UserKnownHostsFile /dev/null', 'LogLevel ERROR'],
    ...['ControlMaster auto', `ControlPath ${local('ssh-%C')}`, 'ControlPersist 60'],
  ];
  await writeFile(local('ssh_config'), `${settings.join('\n')}\n`);
  await mkdir(local('bin'));
  await writeFile(local('bin/ssh'), `#!/bin/sh\nexec /usr/bin/ssh -F ${local('ssh_config')} "$@"\n`);
  await chmod(local('bin/ssh'), 0o755);
  return { DOCKER_HOST: 'ssh://root@server', PATH: `${local('bin')}:${environment('PATH')}` };
}

const start = async (spec: object, args: readonly string[] = [], more: NodeJS.ProcessEnv = {}) =>
  lab.start(['run', await lab.file(lab.run({ ...spec })), ...options, ...args], { ...overSsh, ...more });

const linesOf = async (...args: string[]) =>
  (await succeed('docker', args)).split('\n').filter((line) => line !== '');
const volumes = () => linesOf('volume', 'ls', '--quiet');

/** The containers of these runs that the node's engine still has, and its volumes that were not there before. */
async function left(): Promise<string[]> {
  const label = `label=dockerrun.dev/run=default/local-${lab.name}`;
  const containers = await linesOf('ps', '--all', '--quiet', '--filter', label);
  return [...containers, ...(await volumes()).filter((name) => !before.includes(name))];
}

test('local inputs reach a target of the other machine and its results come back, byte for byte', async () => {
  const script = `test ! -e ${lab.directory}; grep -q "User Mode Linux" /proc/cpuinfo; cat "$0"; head -c 3000000 /dev/urandom > "$1"; sha256sum < "$1"`;
  const run = await start(
    {
      command: ['sh', '-ec'],
      args: [script, '$(numbers)', '$(noise)'],
      transforms: [
        { name: 'numbers', girderFileIdToVolume: {} },
        { name: 'noise', volumePath: { filename: 'noise.bin' } },
      ],
    },
    ['-i', `numbers=${local('numbers.txt')}`, '-o', `noise=${local('results/noise.bin')}`],
  );
  const { code, stdout, stderr } = await run.ended;
  assert.is(code, 0, stderr);
  const sum = (await succeed('sha256sum', [local('results/noise.bin')])).split(' ')[0];
  assert.is(stdout.toString(), `1\n2\n${sum}  -\n`);
  assert.is((await readFile(local('results/noise.bin'))).length, 3_000_000);
  assert.equal(await left(), []);
});

test('a file of Girder passes through a pipe there, and a result goes to Girder', async () => {
  const file = await bigFile(2 ** 20);
  try {
    const itemId = await anItem('remote');
    const { transforms, girder } = throughPipe(file) as { transforms: object[]; girder: object };
    const run = await start(
      {
        command: ['sh', '-ec', 'sha256sum < "$(live)" > "$(out)"'],
        transforms: [...transforms, { name: 'out', volumePath: { filename: 'out.txt' } }],
        girderResultHooks: [{ girderUploadVolumePathToItem: { volumePath: 'out', itemId } }],
        girder,
      },
      [],
      { GIRDER_API_KEY: environment('GIRDER_API_KEY') },
    );
    const { code, stderr } = await run.ended;
    assert.is(code, 0, stderr);
    const [result] = await filesOf(itemId);
    assert.is((await download(result?._id ?? '')).toString(), `${file.sha256}  -\n`);
    assert.equal(await left(), []);
  } finally {
    await file.remove();
  }
});

test('Ctrl-C stops the target there gracefully, and a command that is killed leaves nothing there', async () => {
  const script = 'trap "echo bye; exit 0" TERM; echo begun; while :; do sleep 0.1; done';
  const stopped = await start({ command: ['sh', '-c', script] });
  await stopped.prints('begun\n');
  stopped.child.kill('SIGINT');
  const { code, stdout, stderr } = await stopped.ended;
  assert.is(code, 130, stderr);
  assert.is(stdout.toString(), 'begun\nbye\n');
  assert.equal(await left(), []);
  const killed = await start({
    command: ['sh', '-c', 'echo begun; sleep 1000'],
    terminationGracePeriodSeconds: 1,
  });
  await killed.prints('begun\n');
  killed.child.kill('SIGKILL');
  await until('nothing of the run is there', left, {
    ...{ holds: (all: string[]) => all.length === 0, withinMs: 60_000, everyMs: 500 },
  });
});

test.run();
