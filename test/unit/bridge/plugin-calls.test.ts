import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { isRecord } from '../../../src/api/json-values.ts';
import { validateSpec } from '../../../src/api/validate.ts';
import type { Outcome } from '../../../src/bridge/translate/message-outcome.ts';
import { translate } from '../../../src/bridge/translate/translation.ts';
import { checkSchema } from '../../../src/cli/offline/validation.ts';
import { containerSpec } from '../../../src/docker/create/container-spec.ts';
import { captureTime, dockerRunTask, type Fields, fileId, settings, taskMessage } from './task-messages.ts';

/**
 * Calls as authors of plugins write them, pickled by jsonpickle 4.1.4 with the classes of girder-worker 5.0.21 and
 * slicer_cli_web 5.0.21. `engine` is what docker-py 7.2.0 makes of their keywords for the engine.
 */
type PluginCall = {
  readonly name: string;
  readonly task?: string;
  readonly body?: unknown;
  /** In place of `body`, for one that is no JSON by the standard. */
  readonly bodyText?: string;
  readonly hooks?: readonly unknown[];
  readonly engine?: Fields;
};

const file = join(import.meta.dirname, 'plugin-calls.json');
const calls = JSON.parse(readFileSync(file, 'utf8')) as readonly PluginCall[];

function outcomeOf(name: string): Outcome {
  const call = calls.find((one) => one.name === name);
  if (call === undefined) throw new Error(`there is no call ${name}`);
  const hooks = call.hooks === undefined ? {} : { girder_result_hooks: call.hooks };
  const message = taskMessage({ headers: hooks, task: call.task ?? dockerRunTask });
  const body = Buffer.from(call.bodyText ?? JSON.stringify(call.body));
  return translate({ ...message, body }, settings, captureTime);
}

function runOf(name: string) {
  const outcome = outcomeOf(name);
  if (outcome.kind === 'Run') return outcome;
  throw new Error(`${name}: ${JSON.stringify(outcome)}`);
}

const detection = 'a detection of nuclei, as HistomicsTK has it';

/** The essential fields of the runs. */
const expected: Readonly<Record<string, Fields>> = {
  [detection]: {
    imagePullPolicy: 'IfNotPresent',
    args: [
      ...['NucleiDetection', '--analysis_roi', '-1, -1, -1, -1', '--analysis_tile_size', '1024.5'],
      ...['--min_nucleus_area', '80', '--local_max_search_radius', 'None'],
      ...['--reference_mu_lab', '8.63, -0.11, 0.03', '--girderApiUrl', 'http://girder.example.org/api/v1/'],
      ...['--girderToken', '$(secret-1)', '--scheduler', '', '$(file-1)', '$(path-1)'],
    ],
  },
  'numbers and words of Python': {
    args: [
      ...['1024.0', 'nan', '-inf', '1208925819614629174706176', '-0.0', '1e+22', '1e-07', 'True', 'None'],
      "[1, (2,), {'a': None}]",
    ],
  },
  'all parameters by their place': {
    imagePullPolicy: 'Never',
    command: ['python', '-u'],
    args: ['a=b', '--x=$$(date)', '--json={"a": [1, 2]}', '日本 ü'],
    volumes: [{ name: 'volume-1', bindMount: { hostPath: '/srv/d', containerPath: '/d', mode: 'ro' } }],
    removeContainer: false,
  },
  'a shell as the entrypoint': {
    command: ['/bin/sh'],
    args: ['-c', 'echo "$HOME" $((1+1)) `date` ${A:-b} $$(ls)'],
  },
  'no entrypoint at all': { command: [''], args: ['ls'] },
  'values of a document as arguments': {
    args: [
      ...[fileId, '/data/in.nii', 'a/../b', '00000000-0000-0000-0000-000000000005', '1.50'],
      `[ObjectId('${fileId}'), PosixPath('x')]`,
    ],
  },
  'variables as a dictionary of anything': {
    env: [
      { name: 'A', value: '1' },
      { name: 'B', value: '' },
      { name: 'C', value: 'True' },
      { name: 'D', value: '1.5' },
      { name: 'E', value: 'a=b' },
      { name: 'F', value: 'ü' },
      { name: 'G', value: fileId },
      { name: 'H', value: '$(path-1)' },
    ],
  },
  'variables in order': {
    env: [
      { name: 'B', value: '2' },
      { name: 'A', value: '1' },
    ],
  },
  'variables as a tuple of texts': {
    env: [
      { name: 'A', value: '1' },
      { name: 'B', value: '' },
      { name: 'C', value: '' },
      { name: 'D', value: 'x=y' },
    ],
  },
  'options at zero': { docker: { privileged: false, capAdd: [], devices: [], ports: {}, labels: {} } },
  sizes: {},
  'who and where': {},
  'a network': {},
  'GPUs by number': {},
  'limits and logs': {},
  'volumes in every form of a dictionary': {
    dockerVolumes: {
      '/srv/a': { bind: '/a', mode: 'ro' },
      '/srv/b': { bind: '/b', mode: 'ro' },
      '/srv/c': { bind: '/c', mode: 'rw' },
    },
    volumes: [
      {
        name: 'volume-1',
        namedVolume: { volumeName: 'cache', containerPath: '/cache', readOnly: false, create: true },
      },
    ],
  },
  'volumes in volumes': {
    command: ['$(path-1)', '-x'],
    args: [
      ...['$(volume-1)', '$(path-2)', '$(path-3)', '$(temporaryVolume)'],
      "['$(path-4)', {'k': '$(path-4)'}]",
    ],
    env: [{ name: 'L', value: "['$(path-4)']" }],
    girderResultHooks: [
      { girderUploadVolumePathToItem: { volumePath: 'path-3', itemId: '17e300000000000000000001' } },
      {
        girderUploadVolumePathToFolder: {
          ...{ volumePath: 'path-4', deleteFile: true, mimeType: 'application/json' },
          ...{ folderId: 'f01de0000000000000000001', ifExists: 'NewItem' },
        },
        optional: true,
      },
    ],
  },
  'a download into a volume that is nowhere else': {
    args: ['$(file-1)'],
    volumes: [{ name: 'volume-1', bindMount: { hostPath: '/srv/p', containerPath: '/mnt/p', mode: 'rw' } }],
    transforms: [{ name: 'file-1', girderFileIdToVolume: { fileId, volume: 'volume-1' } }],
  },
  'keywords of a shell': { docker: undefined, removeContainer: false },
};

const refused: Readonly<Record<string, RegExp>> = {
  'nope: a time': /container_args\[1\] is an object of the class "datetime\.datetime".*use a text/,
  'nope: bytes': /bytes cannot be an argument; decode them to a text/,
  'nope: command': /command is not a keyword of docker_run; put the arguments into container_args/,
  'nope: a connector of Girder Worker':
    /stream_connectors\[0\] is an object .*FDReadStreamConnector.*use Connect or ProgressPipe/,
  'nope: a transform as an option': /working_dir has an object of the class .*VolumePath/,
  'nope: a port of one address': /spec\.docker\.ports\.7\/tcp must match pattern/,
  'nope: a driver of a volume': /mounts has an object of the class "docker\.types\.services\.DriverConfig"/,
  'nope: volumes as texts': /volumes\[0\] is not an object such as BindMountVolume/,
  'nope: a text as arguments': /container_args is not a list/,
  'nope: an input of a task in Python': /container_args\[0\] is an object of the class .*GirderFileId"/,
  'nope: a result of a task in Python':
    /girder_result_hooks\[0\] is an object .*use GirderUploadVolumePathToItem or/,
};

test('every call of a plugin has an expectation', () => {
  const names = [...Object.keys(expected), ...Object.keys(refused)];
  assert.equal(names.toSorted(), calls.map(({ name }) => name).toSorted());
});

for (const [name, fields] of Object.entries(expected))
  test(`the call becomes a run that the API server and the controller accept: ${name}`, () => {
    const { run } = runOf(name);
    for (const [field, value] of Object.entries(fields)) assert.equal(run.spec[field], value, field);
    const checked = checkSchema({ ...run });
    assert.equal('problems' in checked ? checked.problems : validateSpec(checked.spec), []);
  });

for (const [name, words] of Object.entries(refused))
  test(`the call is refused with its place and what to do: ${name.slice('nope: '.length)}`, () => {
    const outcome = outcomeOf(name);
    assert.match(outcome.kind === 'Refused' ? outcome.message : outcome.kind, words);
  });

/** Differences that docs/from-girder-worker.md names: the worker has the output, and gives fewer privileges. */
const ours = ['CapAdd', 'SecurityOpt', 'Healthcheck'];

/** Each member of a record that is a record itself, also those of HostConfig. */
function membersOf(body: Fields): [string, unknown][] {
  return Object.entries(body).flatMap(([name, value]) =>
    name === 'HostConfig' && isRecord(value) ? membersOf(value) : [[name, value] as [string, unknown]],
  );
}

for (const { name, engine } of calls)
  if (engine !== undefined)
    test(`the engine gets the options that docker-py would send: ${name}`, () => {
      const checked = checkSchema({ ...runOf(name).run });
      assert.ok('spec' in checked, JSON.stringify(checked));
      const { docker } = checked.spec;
      const options = { name: 'x', labels: {}, image: 'i', env: [], mounts: [], docker };
      const body = Object.fromEntries(membersOf({ ...containerSpec(options, { hasInit: false }) }));
      for (const [field, value] of membersOf(engine))
        if (!ours.includes(field)) assert.equal(body[field], value, field);
    });

test('what a call has without an effect is named in the log of its job', () => {
  assert.equal(
    runOf('keywords of a shell').notes.map((note) => note.split(' ')[0]),
    ['stdin_open', 'name', 'restart_policy'],
  );
  assert.match(
    runOf('volumes in every form of a dictionary').notes.join(),
    /propagation of volumes has no effect/,
  );
  assert.match(runOf('variables as a tuple of texts').notes.join(' '), /"C" has no value; it is empty/);
});

test.run();
