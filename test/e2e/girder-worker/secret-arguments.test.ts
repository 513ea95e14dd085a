import { test } from '../../fixtures/suite.ts';
import * as assert from 'uvu/assert';
import { Lab } from '../support/runs.ts';
import { succeed } from '../support/shell.ts';

/** GirderToken of slicer_cli_web: an argument of the target that nobody else may read. */

const sesame = 'open-sesame-7f3c';
let lab: Lab;

test.before(async () => {
  lab = await Lab.open('secret-args');
  await lab.secret('door', { token: `${sesame}\n` });
});
test.after(() => lab?.close());

const transforms = [{ name: 'token', secretKeyRef: { name: 'door', key: 'token' } }];

test('an argument and a variable have the value of a Secret, which is in no object, Event or log of the worker', async () => {
  await lab.run('reads', {
    command: ['sh', '-ec', 'echo "${#0} ${#V}"'],
    args: ['--token=$(token)'],
    env: [{ name: 'V', value: 'Bearer $(token)' }],
    transforms,
  });
  const status = await lab.ended('reads');
  assert.is(status.phase, 'Succeeded', status.message);
  const log = (await lab.log('reads')).toString();
  assert.is(log, `${'--token='.length + sesame.length} ${'Bearer '.length + sesame.length}\n`);
  await seenNowhere('reads');
});

test('a Secret that becomes the name of the program is not in the message of the failed start', async () => {
  await lab.run('starts', { args: ['$(token)'], transforms });
  const status = await lab.ended('starts');
  assert.is(status.reason, 'ContainerStartFailed', status.message);
  assert.match(status.message ?? '', '$(token)');
  await seenNowhere('starts');
});

async function seenNowhere(name: string): Promise<void> {
  const objects = 'dockerruns,jobs,pods,events';
  const all = await succeed('kubectl', ['get', objects, '-n', lab.namespace, '-o', 'yaml']);
  const described = await succeed('kubectl', ['describe', 'dockerrun', name, '-n', lab.namespace]);
  assert.match(all, `name: ${name}`);
  for (const text of [all, described]) assert.not.match(text, sesame);
}

test.run();
