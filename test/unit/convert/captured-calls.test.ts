import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { translate } from '../../../src/bridge/translate/translation.ts';
import {
  BindMountVolume,
  Connect,
  dockerRun,
  type DockerRunOptions,
  GirderFileIdToStream,
  GirderFileIdToVolume,
  GirderUploadVolumePathToItem,
  NamedInputPipe,
  ProgressPipe,
  TemporaryVolume,
  VolumePath,
} from '../../../src/builder/main.ts';
import { captured, captureTime, type Fields, settings } from '../bridge/task-messages.ts';
import { conversionOf } from './converted-program.ts';

/** Calls of which Girder published the captured messages: the bridge, the command and the builder make the same. */
const file = '6b0b0f911a6e1e060081dd01';
const item = '6b0b0f911a6e1e060081dd08';

const programs: Readonly<Record<string, string>> = {
  'girder5-01-hello': "docker_run.delay('bars/box:1', pull_image=False, container_args=['echo', 'hello'])",
  'girder5-02-positional': "docker_run.delay('bars/box:1', False, None, ['echo', 'hello'])",
  'girder5-03-entrypoint-env': `docker_run.delay(
    'bars/box:1', pull_image=True, entrypoint=['sh', '-ec'],
    container_args=['echo $LANG $N', 'x', 3, True, None, 1.5], environment={'LANG': 'C', 'N': 5},
    shm_size='64m', mem_limit='128m', user='1000:1000', working_dir='/tmp', remove_container=False)`,
  'girder5-04-volumes-dict': `docker_run.delay('bars/box:1', container_args=['ls', '/mnt/test'],
    volumes={'/srv/data': {'bind': '/mnt/test', 'mode': 'ro'}}, pull_image=False)`,
  'girder5-05-bind-mount': `vol = BindMountVolume('/srv/data', '/mnt/test', mode='ro')
docker_run.delay('bars/box:1', pull_image=False, container_args=['cat', VolumePath('read.txt', vol)], volumes=[vol])`,
  'girder5-06-temporary-volumes': `a = TemporaryVolume(host_dir='/tmp/prefix')
b = TemporaryVolume()
docker_run.delay('bars/box:1', pull_image=False, container_args=['ls', a, b, VolumePath('a', b)], volumes=[a, b])`,
  'girder5-07-temporary-default': `docker_run.delay('bars/box:1', pull_image=False, container_args=[
    'ls', TemporaryVolume.default, VolumePath('out.txt'), VolumePath('b.txt', volume=TemporaryVolume.default)])`,
  'girder5-08-file-to-volume': `docker_run.delay('bars/box:1', pull_image=False, container_args=[
    'cat', GirderFileIdToVolume('${file}'), GirderFileIdToVolume('${file}', filename='in.txt')])`,
  'girder5-09-file-to-bind-mount': `vol = BindMountVolume('/srv/scratch', '/mnt/scratch')
docker_run.delay('bars/box:1', pull_image=False, volumes=[vol], container_args=[
    'cat', GirderFileIdToVolume('${file}', volume=vol), VolumePath('x.txt', vol)])`,
  'girder5-10-item-folder': `folder = '6b0b0f911a6e1e060081dcfd'
docker_run.delay('bars/box:1', pull_image=False, container_args=[
    'ls', GirderItemIdToVolume('6b0b0f911a6e1e060081dcff'), GirderFolderIdToVolume(folder),
    GirderFolderIdToVolume(folder, folder_name='renamed')])`,
  'girder5-11-stream-in': `docker_run.delay('bars/box:1', pull_image=False, container_args=[
    'cat', Connect(GirderFileIdToStream('${file}'), NamedInputPipe('stream'))])`,
  'girder5-12-stream-out': `docker_run.delay('bars/box:1', pull_image=False, container_args=[
    'sh', '-c', 'echo hi > $0; echo err > $1',
    Connect(NamedOutputPipe('out'), HostStdOut()), Connect(NamedOutputPipe('err'), HostStdErr())])`,
  'girder5-13-pipes-paths': `vol = TemporaryVolume()
docker_run.delay('bars/box:1', pull_image=False, volumes=[vol], container_args=[
    'ls', NamedOutputPipe('bare', volume=vol), Connect(NamedOutputPipe('paths', '/mnt/p', '/srv/p'), HostStdOut())])`,
  'girder5-14-chunked': `docker_run.delay('bars/box:1', pull_image=False, container_args=[
    'cat', GirderFileIdToVolume('${file}'),
    Connect(NamedOutputPipe('out'), ChunkedTransferEncodingStream(
        'http://sink.example.org/sink?a=1', {'Girder-Token': token['_id']}))])`,
  'girder5-15-progress': `docker_run.delay('bars/box:1', pull_image=False, container_args=[
    'sh', '-c', 'echo "{}" > $0', ProgressPipe()])`,
  'girder5-17-stream-connectors': `docker_run.delay('bars/box:1', pull_image=False, container_args=['true'],
    stream_connectors=[Connect(NamedOutputPipe('out'), HostStdOut()), ProgressPipe()])`,
  'girder5-18-upload-item': `path = VolumePath('sum.txt')
docker_run.delay('bars/box:1', pull_image=False, container_args=['sh', '-c', 'echo 1 > $0', path],
    girder_result_hooks=[GirderUploadVolumePathToItem(path, '${item}')])`,
  'girder5-20-hook-volumes': `mount = BindMountVolume('/srv/out', '/mnt/out')
temporary = TemporaryVolume()
docker_run.delay('bars/box:1', pull_image=False, volumes=[mount, temporary],
    container_args=['true', VolumePath('o.txt', mount), VolumePath('t.txt', temporary)],
    girder_result_hooks=[GirderUploadVolumePathToItem(VolumePath('o.txt', mount), '${item}'),
                         GirderUploadVolumePathToItem(VolumePath('t.txt', temporary), '${item}')])`,
  'girder5-21-job-fields': `docker_run.delay('bars/box:1', pull_image=False, container_args=['true'],
    girder_job_title='A title', girder_job_type='a_type', girder_job_public=True)`,
  'girder5-23-full': `script = 'script'
docker_run.delay('bars/box:1', pull_image='if-not-present', entrypoint=['sh', '-ec'], container_args=[
    script, 'sh', GirderFileIdToVolume('${file}'), Connect(GirderFileIdToStream('${file}'), NamedInputPipe('stream')),
    ProgressPipe(), VolumePath('sum.txt')], environment={'LANG': 'C'}, shm_size='64m',
    girder_result_hooks=[GirderUploadVolumePathToItem(VolumePath('sum.txt'), '${item}')])`,
};

/** Without what only the message has, and with the same name for the Secret of headers. */
function comparable(spec: Fields): unknown {
  const text = JSON.stringify({ ...spec, girder: undefined });
  return JSON.parse(text.replace(/"name":"(girder-[0-9a-f-]{36}|box)"/g, '"name":"of-the-run"')) as unknown;
}

function specOfMessage(name: string): unknown {
  const [message] = captured(name);
  assert.ok(message);
  const outcome = translate(message, settings, captureTime);
  assert.ok(outcome.kind === 'Run', JSON.stringify(outcome));
  return comparable({ ...outcome.run.spec });
}

for (const [name, program] of Object.entries(programs))
  test(`the command makes of the Python of ${name} what the bridge makes of its message`, () => {
    const { runs, problems } = conversionOf(program);
    assert.equal(problems, []);
    assert.is(runs.length, 1);
    assert.equal(comparable({ ...runs[0]?.spec }), specOfMessage(name));
  });

const mount = new BindMountVolume('/srv/out', '/mnt/out');
const temporary = new TemporaryVolume();
const sum = new VolumePath('sum.txt');

const built: Readonly<Record<string, Omit<DockerRunOptions, 'metadata'>>> = {
  'girder5-03-entrypoint-env': {
    pullImage: true,
    entrypoint: ['sh', '-ec'],
    containerArgs: ['echo $LANG $N', 'x', 3, 'True', 'None', 1.5],
    environment: { LANG: 'C', N: 5 },
    shmSize: '64m',
    memLimit: '128m',
    user: '1000:1000',
    workingDir: '/tmp',
    removeContainer: false,
  },
  'girder5-04-volumes-dict': {
    pullImage: false,
    containerArgs: ['ls', '/mnt/test'],
    volumes: { '/srv/data': { bind: '/mnt/test', mode: 'ro' } },
  },
  'girder5-20-hook-volumes': {
    pullImage: false,
    volumes: [mount, temporary],
    containerArgs: ['true', new VolumePath('o.txt', mount), new VolumePath('t.txt', temporary)],
    girderResultHooks: [
      new GirderUploadVolumePathToItem(new VolumePath('o.txt', mount), item),
      new GirderUploadVolumePathToItem(new VolumePath('t.txt', temporary), item),
    ],
  },
  'girder5-23-full': {
    pullImage: true,
    entrypoint: ['sh', '-ec'],
    containerArgs: [
      'script',
      'sh',
      new GirderFileIdToVolume(file),
      new Connect(new GirderFileIdToStream(file), new NamedInputPipe('stream')),
      new ProgressPipe(),
      sum,
    ],
    environment: { LANG: 'C' },
    shmSize: '64m',
    girderResultHooks: [new GirderUploadVolumePathToItem(sum, item)],
  },
};

for (const [name, options] of Object.entries(built))
  test(`the builder makes of the call of ${name} what the bridge makes of its message`, () => {
    const girder = { apiUrl: 'http://girder.example.org/api/v1', credentialsSecretRef: { name: 'girder' } };
    const { spec } = dockerRun('bars/box:1', { metadata: { name: 'box' }, girder, ...options });
    assert.equal(comparable({ ...spec }), specOfMessage(name));
  });

test.run();
