import { test } from '../../fixtures/suite.ts';
import * as assert from 'uvu/assert';
import { Lab } from '../support/runs.ts';
import { succeed } from '../support/shell.ts';
import { installThisBuild } from './checked-out-build.ts';
import { PreviousBuild } from './previous-build.ts';

/** Runs that start under the previous build of the operator end under this one; none is lost or repeated. */

let lab: Lab;
let previous: PreviousBuild;
let node: string;

test.before(async () => {
  lab = await Lab.open('upgrade');
  node = (await succeed('kubectl', ['get', 'nodes', '-o', 'jsonpath={.items[0].metadata.name}'])).trim();
  previous = await PreviousBuild.make();
  await previous.install();
});
test.after(async () => {
  await installThisBuild();
  await succeed('kubectl', ['label', 'node', node, 'dockerrun-upgrade-']);
  await lab.close();
  previous.remove();
});

const hostPath = () => `/srv/dockerrun/${lab.namespace}`;

/** Fails once, so that the next attempt starts under the new controller. */
const failsOnce = 'if [ -e /d/tried ]; then exit 0; fi; touch /d/tried; exit 3';

async function beginRuns(): Promise<void> {
  await succeed('mkdir', ['-p', hostPath()]);
  await lab.run('done', { command: ['echo', 'done'] });
  await lab.run('failed', { command: ['sh', '-c', 'exit 5'] });
  await lab.run('mortal', { command: ['true'], ttlSecondsAfterFinished: 20 });
  await lab.run('waiting', { command: ['echo', 'once'], nodeSelector: { 'dockerrun-upgrade': 'done' } });
  await lab.ended('done');
  await lab.ended('failed');
  await lab.run('running', { command: ['sh', '-c', 'echo once; sleep 30'] });
  await lab.running('running');
  await lab.run('tried', {
    command: ['sh', '-c', failsOnce],
    backoffLimit: 1,
    volumes: [{ name: 'd', bindMount: { hostPath: hostPath(), containerPath: '/d', mode: 'rw' } }],
  });
  await lab.until('tried', 'is retrying', { holds: ({ status }) => status.reason === 'Retrying' });
}

async function jobsOf(name: string): Promise<string[]> {
  const names = await lab.kubectl('get', 'jobs', '-l', `dockerrun.dev/run-name=${name}`, '-o', 'name');
  return names.split('\n').filter((line) => line !== '');
}

test('an upgrade neither loses nor repeats a run, in whatever phase it is', async () => {
  await beginRuns();
  const names = ['done', 'failed', 'waiting', 'running', 'tried'];
  const before = new Map(await Promise.all(names.map(async (name) => [name, await lab.get(name)] as const)));
  const upgrade = installThisBuild();
  await lab.run('newcomer', { command: ['echo', 'once'] });
  await upgrade;
  await succeed('kubectl', ['label', 'node', node, 'dockerrun-upgrade=done', '--overwrite']);
  for (const name of ['running', 'waiting', 'tried', 'newcomer']) {
    const status = await lab.ended(name, 120);
    assert.is(status.phase, 'Succeeded', `${name}: ${status.message}`);
    assert.is(status.attempts, name === 'tried' ? 2 : 1, name);
    assert.is((await jobsOf(name)).length, 1, name);
  }
  assert.is((await lab.log('running')).toString(), 'once\n');
  assert.is((await lab.log('waiting')).toString(), 'once\n');
  for (const name of ['running', 'waiting', 'tried']) {
    const { metadata, status } = await lab.get(name);
    assert.is(metadata.uid, before.get(name)?.metadata.uid);
    assert.is(status.jobName, before.get(name)?.status.jobName);
  }
  for (const name of ['done', 'failed']) {
    assert.equal((await lab.get(name)).status, before.get(name)?.status, `the end of ${name} is final`);
  }
  await lab.kubectl('wait', '--for=delete', 'dockerrun/mortal', '--timeout=60s');
});

test('a field that the previous build did not know works after the upgrade', async () => {
  await lab.run('later', { command: ['true'], suspend: true });
  await lab.until('later', 'is suspended', { holds: ({ status }) => status.phase === 'Suspended' });
  await lab.kubectl('patch', 'dockerrun', 'later', '--type=merge', '--patch', '{"spec":{"suspend":false}}');
  assert.is((await lab.ended('later')).phase, 'Succeeded');
});

test.run();
