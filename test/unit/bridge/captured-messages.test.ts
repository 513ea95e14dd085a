import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Outcome } from '../../../src/bridge/translate/message-outcome.ts';
import { translate } from '../../../src/bridge/translate/translation.ts';
import { validateSpec } from '../../../src/api/validate.ts';
import { checkSchema } from '../../../src/cli/offline/validation.ts';
import { captured, capturedNames, captureTime, type Fields, settings, tokensOf } from './task-messages.ts';

const file = { fileId: '6b0b0f911a6e1e060081dd01' };
const outcomeOf = (name: string, index = 0): Outcome => {
  const message = captured(name)[index];
  if (message === undefined) throw new Error(`${name} has no message ${index}`);
  return translate(message, settings, captureTime);
};

const specOf = (name: string): Fields => {
  const outcome = outcomeOf(name);
  if (outcome.kind === 'Run') return { ...outcome.run.spec };
  throw new Error(`${name}: ${JSON.stringify(outcome)}`);
};

/** The essential fields of the runs, apart from the image and Girder. */
const expected: Readonly<Record<string, Fields>> = {
  'girder3-01-hello': { args: ['echo', 'hello'], imagePullPolicy: 'Never' },
  'girder3-08-file-to-volume': { args: ['cat', '$(file-1)', '$(file-2)'] },
  'girder3-23-full': { command: ['sh', '-ec'], docker: { shmSize: '64m' } },
  'girder3-40-direct-run': { imagePullPolicy: 'IfNotPresent', docker: { ipcMode: 'host' } },
  'girder5-01-hello': { args: ['echo', 'hello'], imagePullPolicy: 'Never', transforms: undefined },
  'girder5-02-positional': { image: 'bars/box:1', args: ['echo', 'hello'], imagePullPolicy: 'Never' },
  'girder5-03-entrypoint-env': {
    command: ['sh', '-ec'],
    args: ['echo $LANG $N', 'x', '3', 'True', 'None', '1.5'],
    env: [
      { name: 'LANG', value: 'C' },
      { name: 'N', value: '5' },
    ],
    docker: { shmSize: '64m', memLimit: '128m', user: '1000:1000', workingDir: '/tmp' },
    removeContainer: false,
    imagePullPolicy: 'Always',
  },
  'girder5-04-volumes-dict': {
    dockerVolumes: { '/srv/data': { bind: '/mnt/test', mode: 'ro' } },
    volumes: undefined,
  },
  'girder5-05-bind-mount': {
    args: ['cat', '$(path-1)'],
    volumes: [
      { name: 'volume-1', bindMount: { hostPath: '/srv/data', containerPath: '/mnt/test', mode: 'ro' } },
    ],
    transforms: [{ name: 'path-1', volumePath: { filename: 'read.txt', volume: 'volume-1' } }],
  },
  'girder5-06-temporary-volumes': {
    args: ['ls', '$(volume-1)', '$(volume-2)', '$(path-1)'],
    volumes: [
      { name: 'volume-1', temporary: { hostDir: '/tmp/prefix' } },
      { name: 'volume-2', temporary: {} },
    ],
    transforms: [{ name: 'path-1', volumePath: { filename: 'a', volume: 'volume-2' } }],
  },
  'girder5-07-temporary-default': { args: ['ls', '$(temporaryVolume)', '$(path-1)', '$(path-2)'] },
  'girder5-08-file-to-volume': {
    transforms: [
      { name: 'file-1', girderFileIdToVolume: file },
      { name: 'file-2', girderFileIdToVolume: { ...file, filename: 'in.txt' } },
    ],
  },
  'girder5-09-file-to-bind-mount': {
    args: ['cat', '$(file-1)', '$(path-1)'],
    transforms: [
      { name: 'file-1', girderFileIdToVolume: { ...file, volume: 'volume-1' } },
      { name: 'path-1', volumePath: { filename: 'x.txt', volume: 'volume-1' } },
    ],
  },
  'girder5-10-item-folder': {
    transforms: [
      { name: 'item-1', girderItemIdToVolume: { itemId: '6b0b0f911a6e1e060081dcff' } },
      { name: 'folder-1', girderFolderIdToVolume: { folderId: '6b0b0f911a6e1e060081dcfd' } },
      {
        name: 'folder-2',
        girderFolderIdToVolume: { folderId: '6b0b0f911a6e1e060081dcfd', folderName: 'renamed' },
      },
    ],
  },
  'girder5-11-stream-in': {
    args: ['cat', '$(stream-1)'],
    transforms: [
      {
        name: 'stream-1',
        connect: { input: { girderFileIdToStream: file }, output: { namedInputPipe: { name: 'stream' } } },
      },
    ],
  },
  'girder5-12-stream-out': {
    transforms: [
      {
        name: 'stream-1',
        connect: { input: { namedOutputPipe: { name: 'out' } }, output: { hostStdOut: {} } },
      },
      {
        name: 'stream-2',
        connect: { input: { namedOutputPipe: { name: 'err' } }, output: { hostStdErr: {} } },
      },
    ],
  },
  'girder5-13-pipes-paths': {
    transforms: [
      { name: 'pipe-1', namedOutputPipe: { name: 'bare', volume: 'volume-1' } },
      {
        name: 'stream-1',
        connect: { input: { namedOutputPipe: { name: 'paths' } }, output: { hostStdOut: {} } },
      },
    ],
  },
  'girder5-14-chunked': { args: ['cat', '$(file-1)', '$(stream-1)'] },
  'girder5-15-progress': {
    transforms: [{ name: 'progress-1', progressPipe: { name: '.girder_progress' } }],
  },
  'girder5-17-stream-connectors': {
    args: ['true'],
    transforms: [
      {
        name: 'stream-1',
        connect: { input: { namedOutputPipe: { name: 'out' } }, output: { hostStdOut: {} } },
      },
      { name: 'progress-1', progressPipe: { name: '.girder_progress' } },
    ],
  },
  'girder5-18-upload-item': {
    girderResultHooks: [
      { girderUploadVolumePathToItem: { volumePath: 'path-1', itemId: '6b0b0f911a6e1e060081dd08' } },
    ],
  },
  'girder5-20-hook-volumes': {
    transforms: [
      { name: 'path-1', volumePath: { filename: 'o.txt', volume: 'volume-1' } },
      { name: 'path-2', volumePath: { filename: 't.txt', volume: 'volume-2' } },
    ],
    girderResultHooks: ['path-1', 'path-2'].map((volumePath) => ({
      girderUploadVolumePathToItem: { volumePath, itemId: '6b0b0f911a6e1e060081dd08' },
    })),
  },
  'girder5-21-job-fields': { args: ['true'] },
  'girder5-22-job-disable': { args: ['true'], girder: undefined },
  'girder5-23-full': {
    args: ['script', 'sh', '$(file-1)', '$(stream-1)', '$(progress-1)', '$(path-1)'],
    girderResultHooks: [
      { girderUploadVolumePathToItem: { volumePath: 'path-1', itemId: '6b0b0f911a6e1e060081dd08' } },
    ],
  },
  'girder5-27-options-gpu': { activeDeadlineSeconds: 100, startDeadlineSeconds: 3570 },
  'girder5-30-group': { args: ['one'] },
  'girder5-40-direct-run': {
    args: [
      'Cli',
      '--api',
      'http://girder.example.org/api/v1/',
      '--tok',
      '$(secret-1)',
      '$(file-1)',
      '$(file-2),$(file-3)',
    ],
  },
  'girder5-5a-plain': { args: ['echo', 'plain'], girder: undefined },
  'girder5-5b-plain': { args: ['cat', '$(file-1)', '$(path-1)'] },
  'girder5-5c-plain': { args: ['echo', 'x'], girder: undefined },
  'girder5-5d-plain': { args: ['cat', '$(file-1)'] },
  'girder5-5e-plain': { args: ['echo', 'x'], girder: undefined },
  'girder5-61-slicer-minimal': { args: ['Count', '$(file-1)', '$(path-1)'] },
  'girder5-62-slicer-all': {
    args: [
      ...['Count', '--annotation', '$(path-1)', '--dir', '$(folder-1)', '--flag', 'true'],
      ...['--girderApiUrl', 'http://girder.example.org/api/v1/', '--girderToken', '$(secret-1)'],
      ...['--item', '$(item-1)', '--mode', 'b', '--more', '$(file-1),$(file-2)', '--note', 'it a.txt'],
      ...['--roi', '1, 2, 3, 4', '--times', '3', '--vec', '1, 2.5'],
      ...['--returnparameterfile', '$(path-2)', '$(file-3)', '$(path-3)'],
    ],
  },
  'girder5-63-slicer-batch-1': { args: ['Count', '$(file-1)', '$(path-1)'] },
  'girder5-63-slicer-batch-2': { args: ['Count', '$(file-1)', '$(path-1)'] },
  'girder5-64-for-map': { args: ['Count', '--note', 'sleep3', '$(file-1)', '$(path-1)'] },
  'girder5-65-for-cancel': { args: ['Count', '--note', 'sleep25', '$(file-1)', '$(path-1)'] },
};

const others: Readonly<Record<string, RegExp>> = {
  'girder3-19-upload-folder': /GirderUploadVolumePathJobArtifact uploads to a route that no Girder has; use /,
  'girder5-19-upload-folder': /GirderUploadVolumePathJobArtifact/,
  'girder5-28-link': /the task that follows its success \(link\) would never start.*publish it in a plugin/,
  'girder5-29-chain': /the next task of its chain would never start, because DockerRun publishes no tasks/,
  'girder5-60-image-job': /^slicer_cli_web\.image_job\.ingest_from_docker$/,
};

test('every captured message has an expectation', () => {
  assert.equal([...Object.keys(expected), ...Object.keys(others)].toSorted(), capturedNames.toSorted());
});

for (const [name, fields] of Object.entries(expected))
  test(`${name} becomes a run that the API server and the controller accept`, () => {
    const spec = specOf(name);
    for (const [field, value] of Object.entries(fields)) assert.equal(spec[field], value, field);
    for (const [index] of captured(name).entries()) {
      const outcome = outcomeOf(name, index);
      assert.ok(outcome.kind === 'Run');
      const checked = checkSchema({ ...outcome.run });
      assert.equal('problems' in checked ? checked.problems : validateSpec(checked.spec), []);
    }
  });

for (const [name, words] of Object.entries(others))
  test(`${name} is not for the bridge, and the outcome says why`, () => {
    const outcome = outcomeOf(name);
    assert.match(
      outcome.kind === 'Refused' ? outcome.message : String('taskName' in outcome && outcome.taskName),
      words,
    );
    assert.ok('job' in outcome && outcome.job !== undefined);
  });

for (const name of capturedNames)
  test(`no token of ${name} is outside of the Secret`, () => {
    for (const [index, message] of captured(name).entries()) {
      const outcome = outcomeOf(name, index);
      const visible = JSON.stringify({ ...outcome, secret: undefined, job: undefined });
      const tokens = tokensOf([message.headers, JSON.parse(message.body.toString())]).filter(
        (one) => one !== 't',
      );
      for (const token of tokens) assert.not.ok(visible.includes(token), token);
      if (outcome.kind !== 'Run') continue;
      const stored = Object.values(outcome.secret?.data ?? {});
      assert.ok(stored.every((text) => tokens.includes(text)));
    }
  });

test('inputs, results and job of a CLI use one Secret, with the token of the user and that of the job', () => {
  const outcome = outcomeOf('girder5-62-slicer-all');
  assert.ok(outcome.kind === 'Run');
  const name = 'girder-65ddbad2-c6ec-46ee-8217-93d1da296aa6';
  assert.is(outcome.secret?.name, name);
  assert.equal(Object.keys(outcome.secret?.data ?? {}).toSorted(), ['jobToken', 'targetToken', 'token']);
  assert.equal(outcome.run.spec['girder'], {
    apiUrl: 'http://girder.example.org/api/v1',
    credentialsSecretRef: { name },
    job: { id: '6b0b10841a6e1e060081dd32', tokenSecretRef: { name, key: 'jobToken' } },
  });
});

test('a CLI has its progress from its output, and each result makes a new item with its reference', () => {
  const spec = specOf('girder5-62-slicer-all');
  const transforms = spec['transforms'] as Fields[];
  assert.equal(transforms.at(-1), {
    name: 'slicer-1',
    connect: { input: { containerStdOut: {} }, output: { slicerProgress: {} } },
  });
  const hooks = spec['girderResultHooks'] as { girderUploadVolumePathToFolder: Fields; optional?: boolean }[];
  assert.equal(
    hooks.map(({ optional, girderUploadVolumePathToFolder: hook }) => [
      hook['volumePath'],
      hook['ifExists'],
      optional,
    ]),
    [
      ['path-1', 'NewItem', true],
      ['path-2', 'NewItem', undefined],
      ['path-3', 'NewItem', undefined],
    ],
  );
  assert.match(String(hooks[0]?.girderUploadVolumePathToFolder['reference']), /"identifier": "annotation"/);
});

test('a run has the name of its task, and says whose it is without a token', () => {
  const [message] = captured('girder5-61-slicer-minimal');
  assert.ok(message);
  const outcome = translate(message, { ...settings, userLabel: true }, captureTime);
  assert.ok(outcome.kind === 'Run');
  assert.equal(outcome.run.metadata, {
    name: `girder-${outcome.taskId}`,
    namespace: 'lab',
    labels: { 'dockerrun.dev/bridge': 'celery', 'dockerrun.dev/girder-user': '6b0b0f911a6e1e060081dcf7' },
    annotations: {
      'dockerrun.dev/celery-task-id': outcome.taskId,
      'dockerrun.dev/celery-task': 'slicer_cli_web.girder_worker_plugin.direct_docker_run.run',
      'dockerrun.dev/girder-job': outcome.job?.id,
      'dockerrun.dev/girder-api-url': 'http://girder.example.org/api/v1',
      'dockerrun.dev/girder-user': '6b0b0f911a6e1e060081dcf7',
    },
  });
});

test.run();
