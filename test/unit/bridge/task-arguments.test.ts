import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  client,
  dataToken,
  defaultVolume,
  type Fields,
  fileId,
  inputFile,
  jobToken,
  pickled,
  refusalOf,
  runOf,
  settings,
  slicerClass,
  slicerTask,
  specOf,
  volumePath,
} from './task-messages.ts';

const argsOf = (...container_args: unknown[]) => specOf({ container_args })['args'];

test('what only looks like a name in an argument or variable stays text', () => {
  assert.equal(argsOf('echo $(date) $$(x) $(ls -l) $HOME', '$(temporaryVolume)'), [
    'echo $$(date) $$$$(x) $(ls -l) $HOME',
    '$$(temporaryVolume)',
  ]);
  assert.equal(specOf({ environment: { A: '$(date)' } })['env'], [{ name: 'A', value: '$$(date)' }]);
});

test('a list in an argument is printed as Python does, with the paths of its transforms', () => {
  assert.equal(argsOf(['a', 1.0, volumePath('x')], { b: null }), [
    "['a', 1.0, '$(path-1)']".replace('1.0', '1'),
    "{'b': None}",
  ]);
});

test('an entrypoint that is a text is one word, also with spaces', () => {
  assert.equal(specOf({ entrypoint: 'sh -c' })['command'], ['sh -c']);
});

test('a transform can be in the entrypoint and in a variable', () => {
  const spec = specOf({ entrypoint: [volumePath('tool')], environment: { IN: inputFile('a.txt') } });
  assert.equal(spec['command'], ['$(path-1)']);
  assert.equal(spec['env'], [{ name: 'IN', value: '$(file-1)' }]);
});

test('environment is a dictionary or a list, and of two equal names the later one counts', () => {
  assert.equal(specOf({ environment: ['A=1', 'B=x=y', 'A=2'] })['env'], [
    { name: 'A', value: '2' },
    { name: 'B', value: 'x=y' },
  ]);
  assert.equal(specOf({ environment: { N: 5, T: true } })['env'], [
    { name: 'N', value: '5' },
    { name: 'T', value: 'True' },
  ]);
  const { run, notes } = runOf({ environment: ['HOME'] });
  assert.equal(run.spec['env'], [{ name: 'HOME', value: '' }]);
  assert.match(notes.join(), /"HOME" has no value; it is empty/);
});

test('a token of the message that is a plain argument or variable is in the Secret', () => {
  const container_args = [inputFile('a'), dataToken, `--token=$$${dataToken}!`];
  const { run, secret } = runOf({ container_args, environment: { T: dataToken } });
  assert.equal(run.spec['args'], ['$(file-1)', '$(secret-1)', '--token=$$$$$(secret-1)!']);
  assert.equal(run.spec['env'], [
    { name: 'T', valueFrom: { secretKeyRef: { name: run.metadata.name, key: 'argument' } } },
  ]);
  assert.equal(secret?.data, { argument: dataToken, token: dataToken, jobToken });
});

test('a token in any other field is a refusal', () => {
  assert.match(
    refusalOf({ container_args: [inputFile('a')], image: `x/${dataToken}` }),
    /has a token of Girder in a field/,
  );
  assert.match(
    refusalOf({ container_args: [inputFile('a')], labels: { [dataToken]: 'x' } }),
    /has a token of Girder in a field/,
  );
  assert.not.ok(refusalOf({ image: `x/${dataToken}`, token: dataToken }).includes(dataToken));
});

test('two inputs of one name are two files, and the same input twice is one', () => {
  const [first, second] = [fileId, 'f11e00000000000000000002'];
  const spec = specOf({
    container_args: [inputFile('a'), inputFile('a', second), inputFile('a', first), inputFile('a/b')],
  });
  assert.equal(spec['args'], ['$(file-1)', '$(file-2)', '$(file-1)', '$(file-3)']);
  const filenames = (spec['transforms'] as { girderFileIdToVolume: Fields }[]).map(
    ({ girderFileIdToVolume: file }) => file['filename'],
  );
  assert.equal(filenames, ['a', `${second}/a`, `${first}/a/b`]);
});

test('an input whose name leads out of its volume has its name in Girder', () => {
  const { run, notes } = runOf({ container_args: [inputFile('../a'), inputFile('/etc/x')] });
  assert.equal(run.spec['transforms'], [{ name: 'file-1', girderFileIdToVolume: { fileId } }]);
  assert.is(notes.length, 1);
});

test('VolumePath of the whole volume is the volume, and one that leads out of it is refused', () => {
  assert.equal(argsOf(volumePath('.'), volumePath('./a//b/')), ['$(temporaryVolume)', '$(path-1)']);
  assert.match(refusalOf({ container_args: [volumePath('../x')] }), /"\.\.\/x" leads out of its volume/);
  assert.match(
    refusalOf({ container_args: [volumePath('/x')] }),
    /is an absolute path; name a path in the volume/,
  );
});

const direct = (path: string, name: string, id = fileId) =>
  pickled(slicerClass('DirectGirderFileIdToVolume'), {
    gc: client(),
    _file_id: id,
    _filename: name,
    _volume: defaultVolume(),
    _direct_file_path: path,
  });

test('a file on the disk of Girder is mounted where the operator has mapped its directory, else downloaded', () => {
  const mapped = { ...settings, pathMap: [{ girder: '/srv/store/', node: '/mnt/store' }] };
  const container_args = [
    direct('/srv/store/aa/1', 'a.txt'),
    direct('/srv/store/bb/2', 'a.txt', 'f11e00000000000000000002'),
    direct('/srv/store/aa/1', 'a.txt'),
    direct('/srv/storeroom/x', 'b.txt'),
    direct('/srv/store/../etc/x', 'c.txt'),
  ];
  const spec = specOf({ container_args }, {}, mapped);
  assert.equal(spec['args'], ['$(direct-1)', '$(direct-2)', '$(direct-1)', '$(file-1)', '$(file-2)']);
  assert.equal(spec['volumes'], [
    {
      name: 'direct-1',
      bindMount: {
        hostPath: '/mnt/store/aa/1',
        containerPath: '/mnt/girder_direct_worker/a.txt',
        mode: 'ro',
      },
    },
    {
      name: 'direct-2',
      bindMount: {
        hostPath: '/mnt/store/bb/2',
        containerPath: '/mnt/girder_direct_worker/f11e00000000000000000002/a.txt',
        mode: 'ro',
      },
    },
  ]);
});

test('the address of Girder for targets is that of the settings, with a slash at its end', () => {
  const url = pickled(slicerClass('GirderApiUrl'), { gc: client() });
  const given = {
    ...settings,
    girderApiUrl: 'http://girder:8080/api/v1/',
    targetGirderApiUrl: 'https://g.example/api/v1',
  };
  const { run, job } = runOf({ container_args: [url, inputFile('a')] }, {}, given);
  assert.equal(run.spec['args'], ['https://g.example/api/v1/', '$(file-1)']);
  assert.is((run.spec['girder'] as Fields)['apiUrl'], 'http://girder:8080/api/v1');
  assert.is(job?.apiUrl, 'http://girder:8080/api/v1');
});

test('headers of a stream are in the Secret', () => {
  const stream = pickled('Connect', {
    _input: pickled('NamedOutputPipe', { name: 'out', _volume: defaultVolume() }),
    _output: pickled('ChunkedTransferEncodingStream', {
      url: 'http://sink.example/',
      headers: { Authorization: 'Bearer s3cret' },
    }),
  });
  const { run, secret } = runOf({ container_args: [stream] });
  assert.equal(secret?.data, { 'header-1': 'Bearer s3cret', jobToken });
  assert.not.ok(JSON.stringify(run).includes('s3cret'));
});

test('a stream without a pipe leaves an empty argument', () => {
  const stream = pickled('Connect', { _input: pickled('ContainerStdErr'), _output: pickled('HostStdOut') });
  assert.equal(argsOf('a', stream), ['a', '']);
});

test('a pipe at paths of a bind mount is in it', () => {
  const mount = pickled('BindMountVolume', { _host_path: '/srv/p', _container_path: '/mnt/p', mode: 'rw' });
  const pipe = pickled('NamedOutputPipe', {
    name: 'x',
    _host_path: '/srv/p/d',
    _container_path: '/mnt/p/d',
    _volume: null,
  });
  const spec = specOf({ volumes: [mount], container_args: [pipe] });
  assert.equal(spec['transforms'], [
    { name: 'pipe-1', namedOutputPipe: { name: 'd/x', volume: 'volume-1' } },
  ]);
  assert.match(
    refusalOf({ container_args: [pipe] }),
    /are in no BindMountVolume of the task; give it a volume/,
  );
});

test("a connected standard output of the task's own keeps its connection", () => {
  const out = pickled('Connect', { _input: pickled('ContainerStdOut'), _output: pickled('HostStdErr') });
  const spec = specOf({ stream_connectors: [out] }, { task: slicerTask });
  assert.is((spec['transforms'] as Fields[]).length, 1);
});

for (const [what, kwargs, words] of [
  [
    'a class of a plugin',
    { container_args: ['a', pickled('my_plugin.Zip')] },
    /container_args\[1\] is an object of the class "my_plugin\.Zip", and DockerRun runs no Python of plugins; use a text, put/,
  ],
  [
    'a class that cannot stand there',
    { container_args: [pickled('HostStdOut')] },
    /container_args\[0\]: HostStdOut cannot stand there/,
  ],
  [
    'a transform in an option',
    { working_dir: volumePath('x') },
    /working_dir has an object of the class ".*VolumePath"; objects can stand only in/,
  ],
  [
    'an unknown keyword',
    { colour: 'red' },
    /the keyword "colour", which is neither one of docker_run nor one of docker-py/,
  ],
  [
    'a network with settings',
    { networking_config: { a: 1 } },
    /networking_config has no counterpart; name one network/,
  ],
  ['container_args that is a text', { container_args: 'ls' }, /container_args is not a list/],
  [
    'an id that is none',
    { container_args: [inputFile('a', 'xyz')] },
    /_file_id of GirderFileIdToVolume is not an ID of Girder/,
  ],
  [
    'no client',
    { container_args: [pickled('GirderFileIdToVolume', { gc: null, _file_id: fileId })] },
    /no client of Girder \(gc\)/,
  ],
  [
    'two Girders',
    {
      container_args: [
        inputFile('a'),
        pickled('GirderItemIdToVolume', {
          gc: client(dataToken, 'https://other.example/api/v1'),
          _item_id: fileId,
        }),
      ],
    },
    /two addresses of Girder/,
  ],
  ['a volume of a string', { volumes: ['/a:/b'] }, /volumes\[0\] is not an object such as BindMountVolume/],
  [
    'a strange mode',
    { volumes: { '/a': { bind: '/b', mode: 'rslave' } } },
    /the mode "rslave" of a volume is not one of rw ro/,
  ],
  [
    'a pair of ends that cannot be',
    {
      container_args: [
        pickled('Connect', {
          _input: pickled('ContainerStdOut'),
          _output: pickled('NamedInputPipe', { name: 'a', _volume: defaultVolume() }),
        }),
      ],
    },
    /Connect of ContainerStdOut to NamedInputPipe is not possible/,
  ],
  [
    '5000 arguments',
    { container_args: Array.from({ length: 5000 }, () => 'a') },
    /container_args has 5000 elements, but a run has at most/,
  ],
  [
    '120 KiB of arguments',
    { container_args: Array.from({ length: 4 }, () => 'a'.repeat(30_000)) },
    /put the data into a file of Girder/,
  ],
  [
    '40,000 characters',
    { container_args: ['a'.repeat(40_000)] },
    /spec\.args\.0 must not have more than 32768 characters/,
  ],
] as const)
  test(`${what} is a refusal that says so`, () => {
    assert.match(refusalOf(kwargs), words);
  });

test.run();
