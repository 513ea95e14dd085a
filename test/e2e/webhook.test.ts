import { test } from '../fixtures/suite.ts';
import * as assert from 'uvu/assert';
import { Lab, type Manifest } from './support/runs.ts';
import { succeed } from './support/shell.ts';

/** The admission webhook of the installed operator, as the users of a cluster see it. */

let lab: Lab;
const system = ['--namespace', 'dockerrun-system'];
const deployment = 'deployment/dockerrun-controller';
const invalid = { args: ['--in=$(nosuch)'] };
const sentence = /denied the request: spec\.args\[0\]: \$\(nosuch\).* and apply the DockerRun again\.\s*$/s;

test.before(async () => {
  lab = await Lab.open('webhook');
});
test.after(async () => {
  await scale(2);
  await lab.close();
});

/** Resolves when the controller has this many ready pods, and no other. */
async function scale(replicas: number): Promise<void> {
  await succeed('kubectl', [...system, 'scale', deployment, `--replicas=${replicas}`]);
  const selector = 'app.kubernetes.io/component=controller';
  await (replicas === 0
    ? succeed('kubectl', [...system, 'wait', '--for=delete', 'pod', '-l', selector, '--timeout=60s'])
    : succeed('kubectl', [...system, 'rollout', 'status', deployment, '--timeout=90s'], { seconds: 100 }));
}

test('kubectl apply shows at once why a run is refused, by its spec or by the policy', async () => {
  const dockerVolumes = { '/etc': { bind: '/d', mode: 'ro' } };
  const apply = (name: string, spec: Manifest) => lab.run(name, spec).then(() => 'accepted', String);
  assert.match(await apply('name-unknown', invalid), sentence);
  assert.match(await apply('host-path', { dockerVolumes }), /denied the request: .*\/etc/);
  const names = await lab.kubectl('get', 'dockerruns', '-o', 'name');
  assert.is(names, '', 'nothing is stored');
});

test('a dry run on the server shows it as well', async () => {
  assert.match(await lab.refusal('dry', invalid), sentence);
});

test('while no controller runs, a run is stored, and its condition has the sentence later', async () => {
  await scale(0);
  await lab.run('unseen', invalid);
  await scale(2);
  const { phase, reason, message = '' } = await lab.ended('unseen');
  assert.equal([phase, reason], ['Failed', 'InvalidSpec']);
  const refusal = await lab.refusal('seen', invalid);
  assert.ok(refusal.includes(message.split('. ')[0] ?? message), `${refusal} has ${message}`);
});

test.run();
