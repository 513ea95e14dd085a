import { test } from '../fixtures/suite.ts';
import * as assert from 'uvu/assert';
import type { FailureReason } from '../../src/api/reasons.ts';
import { environment } from './support/environment.ts';
import { aFile, anItem, filesOf, girder } from './support/girder.ts';
import { containersOf, Lab, type Manifest } from './support/runs.ts';

type Case = { reason: FailureReason; message: RegExp; spec: Manifest };

let lab: Lab;
let cases: Record<string, Case>;
let itemId: string;

/** All runs start at the same time. */
const endSeconds = 360;

const unknownId = '0123456789abcdef01234567';
const girderWith = (name: string) => ({
  apiUrl: environment('GIRDER_API_URL'),
  credentialsSecretRef: { name },
});

/** Reads a file of Girder with the credentials of a Secret. */
const reading = (fileId: string, secret: string): Manifest => ({
  args: ['cat', '$(in)'],
  transforms: [{ name: 'in', girderFileIdToVolume: { fileId } }],
  girder: girderWith(secret),
});

/** Runs a script that should leave a result at $(out). */
const writing = (script: string): Manifest => ({
  command: ['sh', '-c', script],
  transforms: [{ name: 'out', volumePath: { filename: 'out' } }],
  girderResultHooks: [{ girderUploadVolumePathToItem: { volumePath: 'out', itemId } }],
  girder: girderWith('girder'),
});

/** Creates a Girder user without access to the admin's items, and returns an API key of that user. */
async function keyOfStranger(): Promise<string> {
  const login = `stranger${Date.now()}`;
  const query = new URLSearchParams({
    login,
    email: `${login}@example.org`,
    firstName: 'A',
    lastName: 'B',
    password: 'password1',
  });
  await girder('POST', `user?${query.toString()}`);
  const basic = Buffer.from(`${login}:password1`).toString('base64');
  const api = environment('GIRDER_API_URL');
  const session = (await (
    await fetch(`${api}/user/authentication`, {
      headers: { 'Girder-Authorization': `Basic ${basic}`, Authorization: `Basic ${basic}` },
    })
  ).json()) as { authToken: { token: string } };
  const made = await fetch(`${api}/api_key?name=test`, {
    method: 'POST',
    body: '',
    headers: { 'Girder-Token': session.authToken.token },
  });
  return ((await made.json()) as { key: string }).key;
}

function allCases(fileId: string): Record<string, Case> {
  return {
    'secret-missing': {
      reason: 'VolumeMountFailed',
      message: /secret "nosuch" not found/,
      spec: reading(fileId, 'nosuch'),
    },
    'secret-incomplete': {
      reason: 'SecretIncomplete',
      message: /Secret incomplete .* apiKey/,
      spec: reading(fileId, 'incomplete'),
    },
    'secret-key-missing': {
      reason: 'VolumeMountFailed',
      message: /spec\.env\[0\] \(Secret incomplete\).* nosuch/,
      spec: { env: [{ name: 'A', valueFrom: { secretKeyRef: { name: 'incomplete', key: 'nosuch' } } }] },
    },
    'key-wrong': { reason: 'GirderUnauthorized', message: /API key/, spec: reading(fileId, 'wrong') },
    'access-missing': {
      reason: 'GirderForbidden',
      message: new RegExp(fileId),
      spec: reading(fileId, 'stranger'),
    },
    'file-unknown': {
      reason: 'GirderNotFound',
      message: new RegExp(`[Tt]ransform in: there is no file ${unknownId}`),
      spec: reading(unknownId, 'girder'),
    },
    'name-unknown': {
      reason: 'InvalidSpec',
      message: /spec\.args\[0\]: \$\(nosuch\)/,
      spec: { args: ['--in=$(nosuch)'] },
    },
    'host-path': {
      reason: 'HostPathNotAllowed',
      message: /\/etc/,
      spec: { volumes: [{ name: 'd', bindMount: { hostPath: '/etc', containerPath: '/d', mode: 'ro' } }] },
    },
    'host-path-sibling': {
      reason: 'HostPathNotAllowed',
      message: /\/srv\/dockerrunner/,
      spec: { dockerVolumes: { '/srv/dockerrunner': { bind: '/d', mode: 'ro' } } },
    },
    'host-path-absent': {
      reason: 'HostPathNotVisible',
      message: /\/srv\/dockerrun\/nosuch/,
      spec: { dockerVolumes: { '/srv/dockerrun/nosuch': { bind: '/d', mode: 'ro' } } },
    },
    'image-unknown': { reason: 'ImageNotFound', message: /nosuch:1/, spec: { image: 'nosuch:1' } },
    'image-unreachable': {
      reason: 'StartDeadlineExceeded',
      message: /localhost:1\/nosuch:1: waiting for the registry localhost:1 .*connection refused/,
      spec: { image: 'localhost:1/nosuch:1', imagePullPolicy: 'IfNotPresent', startDeadlineSeconds: 60 },
    },
    'command-unknown': {
      reason: 'ContainerStartFailed',
      message: /\/nosuch/,
      spec: { command: ['/nosuch'] },
    },
    'output-missing': { reason: 'OutputMissing', message: /out/, spec: writing('true') },
    'output-link': {
      reason: 'OutputUnsafe',
      message: /symbolic link/,
      spec: writing('ln -s /etc/passwd $(out)'),
    },
    'output-pipe': { reason: 'OutputUnsafe', message: /out/, spec: writing('mkfifo $(out)') },
    'output-inside-link': {
      reason: 'OutputUnsafe',
      message: /out/,
      spec: {
        ...writing('ln -s /etc $(temporaryVolume)/dir'),
        transforms: [{ name: 'out', volumePath: { filename: 'dir/passwd' } }],
      },
    },
    'item-unknown': {
      reason: 'GirderNotFound',
      message: new RegExp(`ToItem\\.itemId: there is no item ${unknownId}`),
      spec: {
        ...writing('echo x > $(out)'),
        girderResultHooks: [{ girderUploadVolumePathToItem: { volumePath: 'out', itemId: unknownId } }],
      },
    },
  };
}

test.before(async () => {
  lab = await Lab.open('bad-input');
  // What the webhook refuses at once is stored here, and ends with the same reason.
  await lab.withoutAdmission();
  itemId = await anItem('bad input');
  cases = allCases(await aFile('in.txt', Buffer.from('in')));
  await lab.secret('incomplete', { other: 'x' });
  await lab.secret('wrong', { apiKey: 'no-such-key' });
  await lab.secret('stranger', { apiKey: await keyOfStranger() });
  await Promise.all(Object.entries(cases).map(([name, { spec }]) => lab.run(name, spec)));
});
test.after(() => lab.close());

const names = Object.keys(allCases('x'.repeat(24)).valueOf());
for (const name of names) {
  test(`${name}: the run fails with a reason, a message and an Event, and leaves no container`, async () => {
    const status = await lab.ended(name, endSeconds);
    const expected = cases[name];
    assert.is(status.reason, expected?.reason, status.message);
    assert.match(status.message ?? '', expected?.message ?? /never/);
    const failed = status.conditions?.find(({ type }) => type === 'Failed');
    assert.is(failed?.status, 'True');
    assert.is(failed?.reason, status.reason);
    const events = await lab.events(name);
    assert.ok(events.some(({ type, reason }) => type === 'Warning' && reason === status.reason));
    assert.equal(await containersOf((await lab.get(name)).metadata.uid), []);
  });
}

test('a run that was rejected cannot be fixed in place, and kubectl reports why', async () => {
  const { code, stderr } = await lab.apply({
    apiVersion: 'dockerrun.dev/v1alpha1',
    kind: 'DockerRun',
    metadata: { name: 'name-unknown' },
    spec: { image: 'busybox:local', imagePullPolicy: 'Never', args: ['fixed'] },
  });
  assert.is.not(code, 0);
  assert.match(stderr, /apply it under a new name/);
});

test('a failed run uploads nothing to Girder', async () => {
  assert.equal(await filesOf(itemId), []);
});

test.run();
