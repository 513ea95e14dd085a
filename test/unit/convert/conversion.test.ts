import { globSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { acceptRun } from '../../../src/cli/offline/validation.ts';
import { pageBlock } from '../../fixtures/page-blocks.ts';
import { fileId } from '../bridge/task-messages.ts';
import { conversionOf, girderApiUrl, saidOf, specOf } from './converted-program.ts';

const itemId = 'a17e0000000000000000000f';

/** The Python of the documentation of Girder Worker, and of the page about it. */
const documented = [
  ...globSync('test/fixtures/girder-examples/*.py').map(
    (path) => [basename(path), readFileSync(path, 'utf8')] as const,
  ),
  ['from-girder-worker.md', pageBlock('docs/from-girder-worker.md', 'docker_run.delay(')] as const,
];

const given = {
  file_id: fileId,
  item_id: itemId,
  host_path: '/srv/data',
  container_path: '/mnt/docker',
  script: 'true',
  image: 'a',
};

for (const [name, program] of documented)
  test(`${name} becomes a manifest that is valid, with values or without them`, () => {
    for (const values of [{}, given]) {
      const { runs, problems } = conversionOf(program, { given: values });
      assert.equal(problems, []);
      assert.is(runs.length, 1);
      for (const run of runs) acceptRun({ ...run }, name);
    }
    assert.is(conversionOf(program, { given }).isIncomplete, false);
  });

test('there are examples of the documentation', () => {
  assert.ok(documented.length >= 9, `${documented.length}`);
});

test('the three ways to publish a call make the same manifest', () => {
  const specs = [
    "docker_run('a', container_args=['x'])",
    "docker_run.delay('a', container_args=['x'])",
    "docker_run.apply_async(args=['a'], kwargs={'container_args': ['x']})",
    "docker_run.apply_async(('a',), dict(container_args=['x']))",
    "result = docker_run.delay(image='a', container_args=['x']).get()",
    "def f():\n    if x:\n        return wrapped(docker_run.delay('a', container_args=['x']), 1)",
    "import girder_worker.docker.tasks\ngirder_worker.docker.tasks.docker_run.delay('a', container_args=['x'])",
    "from girder_worker.docker import tasks as t\nt.docker_run.delay('a', container_args=['x'])",
    "from girder_worker.docker.tasks import (\n    docker_run as run,  # a comment\n)\nrun.delay('a', container_args=['x'])",
    "args = ['x']\ndocker_run.delay('a', \\\n  container_args=args)",
    "kw = {'container_args': ['x']}\ndocker_run.delay('a', **kw)",
    "docker_run.delay(*['a'], container_args=['x'])",
  ].map((program) => specOf(program));
  for (const spec of specs) assert.equal(spec, { image: 'a', imagePullPolicy: 'Always', args: ['x'] });
});

test('a task of slicer_cli_web has its meaning of pull_image, and progress from its output', () => {
  const module = 'slicer_cli_web.girder_worker_plugin.direct_docker_run';
  const spec = specOf(`from ${module} import run\nrun.delay(image='a', pull_image='if-not-present')`);
  assert.is(spec['imagePullPolicy'], 'IfNotPresent');
  assert.match(JSON.stringify(spec['transforms']), /slicerProgress/);
});

test('several calls are several manifests, with names of their own', () => {
  const program =
    "docker_run('my/image:1')\ndocker_run('registry.example.org:5000/My_Image@sha256:00')\ndocker_run('my/image')";
  assert.equal(
    conversionOf(program).runs.map(({ metadata }) => metadata.name),
    ['image', 'my-image', 'image-2'],
  );
});

test('a function or a name that is no task is no call', () => {
  for (const program of [
    '',
    'x = 1',
    "other.docker_run('a')",
    "from mine import docker_run\ndocker_run('a')",
    'def docker_run(image):\n    pass\n',
    "'docker_run(1)'",
    "# docker_run('a')",
    "self.docker_run.delay('a')",
  ]) {
    const { runs, problems } = conversionOf(program);
    assert.equal([runs, problems], [[], []], program);
  }
});

test('a name has the value of the last assignment that surely took place', () => {
  const args = (program: string) => specOf(program)['args'];
  assert.equal(args("x = 'a'\nx = 'b'\ndocker_run('i', container_args=[x])"), ['b']);
  assert.equal(args("x = y = 'a'\ndocker_run('i', container_args=[x, y])"), ['a', 'a']);
  assert.equal(args("x: str = 'a'\ndocker_run('i', container_args=[x])"), ['a']);
  assert.equal(args("x = 'a'\ndef f():\n    x = 'b'\ndocker_run('i', container_args=[x])"), ['a']);
  assert.equal(args("if y:\n    x = 'b'\n    docker_run('i', container_args=[x])"), ['b']);
  for (const program of [
    "if y:\n    x = 'a'\nelse:\n    x = 'b'\ndocker_run('i', container_args=[x])",
    "x = 'a'\nif y:\n    x = 'b'\ndocker_run('i', container_args=[x])",
    "x = 'a'\nx += 'b'\ndocker_run('i', container_args=[x])",
    "x = 'a'\nx, z = f()\ndocker_run('i', container_args=[x])",
    "x = 'a'\nfor x in y:\n    docker_run('i', container_args=[x])",
    "x = 'a'\nwith f() as x:\n    docker_run('i', container_args=[x])",
    "x = 'a'\ndef f(self, x=None):\n    docker_run('i', container_args=[x])",
  ])
    assert.equal(args(program), ['replace-me-x'], program);
  assert.is(args("x = ['a']\nx.append('b')\ndocker_run('i', container_args=x)"), undefined);
});

test('only what a call uses is said', () => {
  const program = "a = BindMountVolume(x, '/a')\nb = {y: {}}\ndocker_run('i')";
  const { notes, isIncomplete } = conversionOf(program);
  assert.equal([notes, isIncomplete], [[], false]);
  const used = conversionOf(program.replace("'i'", "'i', volumes=[a]"));
  assert.match(used.notes.map(({ text }) => text).join(), /^x has no value here/);
});

test('a value that is given replaces an expression by its text', () => {
  const program = "docker_run('i', container_args=[GirderFileIdToVolume(str(file['_id'])), name])";
  const spec = specOf(program, { given: { "file['_id']": fileId, name: 'a' } });
  assert.equal(spec['transforms'], [{ name: 'file-1', girderFileIdToVolume: { fileId } }]);
  assert.equal(spec['args'], ['$(file-1)', 'a']);
  assert.is(conversionOf(program, { given: { "file['_id']": fileId, name: 'a' } }).isIncomplete, false);
});

test('what is not in the manifest is said, with the line and what to do', () => {
  const program = `vol = BindMountVolume(path, '/mnt')
docker_run.apply_async(
    (image,),
    {'container_args': [vol, GirderFileIdToVolume(file_id)], 'mem_limit': limit, 'name': 'x'},
    girder_result_hooks=[my_hook],
    girder_job_title='t',
    queue='gpu',
    countdown=5,
    time_limit=60,
    expires=30,
)`;
  const { runs, isIncomplete } = conversionOf(program, { girderApiUrl: undefined });
  assert.is(isIncomplete, true);
  const [run] = runs;
  assert.equal(run?.spec, {
    image: 'replace-me/image',
    imagePullPolicy: 'Always',
    args: ['$(volume-1)', '$(file-1)'],
    volumes: [
      { name: 'volume-1', bindMount: { hostPath: '/replace-me/path', containerPath: '/mnt', mode: 'rw' } },
    ],
    transforms: [{ name: 'file-1', girderFileIdToVolume: { fileId: '0'.repeat(24) } }],
    girder: { apiUrl: 'https://girder.example.org/api/v1', credentialsSecretRef: { name: 'girder' } },
    startDeadlineSeconds: 30,
    activeDeadlineSeconds: 60,
  });
  const said = saidOf(program, { girderApiUrl: undefined });
  for (const words of [
    /^1: path has no value here \(the file does not say it\): the manifest has \/replace-me\/path .*--set 'path=…'$/,
    /^3: image has no value here/,
    /^4: file_id has no value here .*0{24}/,
    /^4: mem_limit is not in the manifest: limit has no value here/,
    /^2: name has no effect: the container has a name that follows from the run$/,
    /^5: an element of girder_result_hooks is not in the manifest: my_hook has no value here/,
    /^2: girder_job_title is not in the manifest: make a job in Girder with this title/,
    /^2: queue is not in the manifest: use nodeSelector/,
    /^2: countdown is not in the manifest: a run starts when it is applied/,
    /^2: the run reads and writes Girder with the key apiKey or token of the Secret girder/,
    /^2: the address of Girder is not in the call/,
  ])
    assert.ok(
      said.some((line) => words.test(line)),
      `${words.source}\n${said.join('\n')}`,
    );
  assert.is(said.length, 11, said.join('\n'));
});

test('the lines on standard error that the page shows are real', () => {
  const call = [
    'docker_run.apply_async(',
    "    ('a',),",
    "    {'container_args': [GirderFileIdToVolume(file_id)]}, queue='gpu')",
  ];
  const said = saidOf([...Array<string>(9).fill(''), ...call].join('\n'));
  const shown = pageBlock('docs/writing-manifests.md', 'has no value here').trimEnd().split('\n');
  assert.equal(
    shown,
    said.map((line) => `dockerrun: plugin.py:${line}`),
  );
});

test('headers are in a Secret, and their values are not printed', () => {
  const program =
    "docker_run('a', container_args=[Connect(NamedOutputPipe('o'), ChunkedTransferEncodingStream('https://a.example.org', {'Girder-Token': 'abc123'}))])";
  const { runs, notes } = conversionOf(program);
  assert.match(
    JSON.stringify(runs),
    /"headers":\[\{"name":"Girder-Token","valueFrom":\{"secretKeyRef":\{"name":"a","key":"header-1"\}\}\}\]/,
  );
  assert.match(
    notes.map(({ text }) => text).join(),
    /kubectl create secret generic a --from-literal=header-1=…/,
  );
  assert.not.match(JSON.stringify([runs, notes]), /abc123/);
});

for (const [what, program, words] of [
  [
    'an unknown keyword',
    "docker_run('a', shm='1')",
    /^1: it has the keyword "shm", which is neither one of docker_run/,
  ],
  [
    'a class of a plugin',
    "from my import Zip\ndocker_run('a', container_args=['x'], volumes=[Connect(1)])",
    /^2: Connect needs "output"/,
  ],
  [
    'an argument that a class does not have',
    "docker_run('a', container_args=[VolumePath('x', size=1)])",
    /^1: VolumePath has no argument "size"; it has filename, volume/,
  ],
  [
    'an artifact',
    "docker_run('a', girder_result_hooks=[GirderUploadVolumePathJobArtifact(VolumePath('x'))])",
    /uploads to a route that no Girder has/,
  ],
  [
    'a signature',
    "docker_run.s('a')",
    /^1: docker_run\.s\(…\) is part of something larger; write it as docker_run\.delay\(…\)$/,
  ],
  ['no image', 'docker_run()', /^1: it has no image$/],
  [
    'a path out of the volume',
    "docker_run('a', container_args=[VolumePath('../x')])",
    /leads out of its volume/,
  ],
] as const)
  test(`${what} is refused with the line`, () => {
    assert.match(
      conversionOf(program)
        .problems.map(({ line, text }) => `${line}: ${text}`)
        .join(),
      words,
    );
  });

test('the run has the address and the Secret of the options', () => {
  const program = `docker_run('a', container_args=[GirderFileIdToVolume('${fileId}')], girder_api_url='https://other.example.org/api/v1/')`;
  const girder = (options: Parameters<typeof specOf>[1]) => specOf(program, options)['girder'];
  assert.equal(girder({ girderApiUrl: undefined }), {
    apiUrl: 'https://other.example.org/api/v1',
    credentialsSecretRef: { name: 'girder' },
  });
  assert.equal(girder({ girderSecret: 'mine' }), {
    apiUrl: girderApiUrl,
    credentialsSecretRef: { name: 'mine' },
  });
});

test.run();
