import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { DockerRunSpec } from '../../../src/api/spec.ts';
import { validateSpec } from '../../../src/api/validate.ts';
import { aSpec, specOf } from '../../fixtures/builders.ts';

const fileId = '5f0c0000000000000000000a';
const girder = { apiUrl: 'http://girder/api/v1', credentialsSecretRef: { name: 'girder' } };
const bind = (name: string, containerPath: string) => ({
  name,
  bindMount: { hostPath: `/srv/${name}`, containerPath, mode: 'rw' as const },
});

const good: DockerRunSpec = specOf({
  image: 'busybox',
  command: ['python', '$(code)/main.py'],
  args: ['--in=$(ct)', '--out=$(mask)', '$(temporaryVolume)', '$(data)', '$$(nothing)', '$(cat file)'],
  volumes: [bind('data', '/mnt/data'), bind('code', '/code')],
  dockerVolumes: { '/srv/atlas': { bind: '/atlas', mode: 'ro' } },
  transforms: [
    { name: 'ct', girderFileIdToVolume: { fileId, volume: 'data' } },
    { name: 'mask', volumePath: { filename: 'out/mask.nrrd' } },
  ],
  girderResultHooks: [{ girderUploadVolumePathToItem: { volumePath: 'mask', itemId: fileId } }],
  girder,
});

/** The problems of the good spec with some fields changed. */
const problems = (changes: Partial<DockerRunSpec>) => validateSpec({ ...good, ...changes });

test('a good spec and the smallest spec have no problem', () => {
  assert.equal(validateSpec(good), []);
  assert.equal(validateSpec(aSpec()), []);
});

test('a reference that nothing declares is named with its field, what is known, and how to mean the text', () => {
  const [problem = '', ...more] = problems({ args: ['a', '--in=$(cts)'] });
  assert.equal(more, []);
  assert.match(problem, /^spec\.args\[1\]: \$\(cts\)/);
  assert.match(problem, /known: temporaryVolume, data, code, ct, mask/);
  assert.match(problem, /\$\$\(cts\)/);
});

test('references in the command are checked like those in the arguments', () => {
  assert.match(problems({ command: ['$(python)'] })[0] ?? '', /^spec\.command\[0\]: \$\(python\)/);
});

for (const [what, text, isKnown] of [
  ['a plain text', 'in=a', true],
  ['the volume that every run has', '--in=$(temporaryVolume)/a', true],
  ['a volume', '$(d)/x', true],
  ['a transform', '$(p)', true],
  ['a pipe of a connection', '$(piped)', true],
  ['a literal text', '$$(nothing)', true],
  ['what can be no name', '$(cat file) $() $(1)', true],
  ['what nothing declares', '$(d) and $(nothing)', false],
  ['a whole text that nothing declares', '$(nothing)', false],
  ['a name with a dot that nothing declares', '$(nothing.1)', false],
  ['what nothing declares after a literal dollar', '$$$(nothing)', false],
  ['a connection without a pipe', '$(told)', false],
] as const) {
  for (const field of ['command', 'args']) {
    test(`${what} in ${field} is ${isKnown ? 'taken' : 'refused'}`, () => {
      const pipe = { input: { namedOutputPipe: { name: 'q' } }, output: { hostStdOut: {} } };
      const run = {
        image: 'busybox',
        [field]: ['first', text],
        volumes: [{ name: 'd', temporary: {} }],
        transforms: [
          { name: 'p', volumePath: { filename: 'f' } },
          { name: 'piped', connect: pipe },
          { name: 'told', connect: { input: { containerStdErr: {} }, output: { hostStdOut: {} } } },
        ],
      };
      const told = validateSpec(specOf(run)).join();
      if (isKnown) assert.is(told, '');
      else assert.match(told, new RegExp(`^spec\\.${field}\\[1\\]: \\$\\((nothing(\\.1)?|told)\\)`));
    });
  }
}

test('a transform cannot have the name of a volume', () => {
  const transforms = [...(good.transforms ?? []), { name: 'data', volumePath: { filename: 'x' } }];
  assert.match(problems({ transforms })[0] ?? '', /^spec\.transforms: "data" is also the name of a volume/);
});

test('a transform cannot have the name of the volume that every run has', () => {
  const transforms = [...(good.transforms ?? []), { name: 'temporaryVolume', volumePath: { filename: 'x' } }];
  assert.match(problems({ transforms })[0] ?? '', /"temporaryVolume" is also the name of a volume/);
});

test('a download or an output needs a volume of the run', () => {
  const transforms = [
    { name: 'ct', girderFileIdToVolume: { fileId, volume: 'lost' } },
    { name: 'mask', volumePath: { filename: 'mask.nrrd', volume: 'ct' } },
  ];
  assert.equal(problems({ transforms }), [
    'spec.transforms: ct.girderFileIdToVolume.volume: "lost" is no volume of this run',
    'spec.transforms: mask.volumePath.volume: "ct" is no volume of this run',
  ]);
});

test('an upload needs a volumePath, and a download is none', () => {
  for (const volumePath of ['ct', 'lost']) {
    const { girderResultHooks } = specOf({
      ...good,
      girderResultHooks: [{ girderUploadVolumePathToItem: { volumePath, itemId: fileId } }],
    });
    const [problem = ''] = validateSpec({ ...good, ...(girderResultHooks && { girderResultHooks }) });
    assert.match(problem, /^spec\.girderResultHooks\[0\]\.girderUploadVolumePathToItem\.volumePath: /);
    assert.match(problem, new RegExp(`"${volumePath}" is no volumePath transform`));
  }
});

test('two mounts at one place are a problem, also with a slash at the end and of different kinds', () => {
  const volumes = [bind('data', '/mnt/data'), bind('code', '/mnt/data/')];
  assert.match(problems({ volumes })[0] ?? '', /spec\.volumes: code.*spec\.volumes: data is mounted/);
  const dockerVolumes = { '/srv/x': { bind: '/code', mode: 'ro' as const } };
  assert.match(problems({ dockerVolumes })[0] ?? '', /spec\.dockerVolumes: \/srv\/x.*spec\.volumes: code/);
});

test('a sentence about an unknown name lists some of the known ones, however many there are', () => {
  const transforms = Array.from({ length: 256 }, (_, index) => ({
    name: `t${index}`,
    volumePath: { filename: 'f' },
  }));
  const [problem = ''] = problems({ transforms, args: ['$(nosuch)'], girderResultHooks: [] });
  assert.ok(problem.length < 400, problem);
  assert.match(problem, /and 249 more/);
});

test('two files cannot be downloaded to one path, but one file can have two names', () => {
  const file = (name: string, fileId: string) => ({
    name,
    girderFileIdToVolume: { fileId, filename: 'a.bin' },
  });
  const plain = { args: [], girderResultHooks: [] };
  const [first, second] = ['0'.repeat(24), '1'.repeat(24)];
  assert.is(problems({ ...plain, transforms: [file('a', first), file('b', second)] }).length, 1);
  assert.equal(problems({ ...plain, transforms: [file('a', first), file('b', first)] }), []);
});

test('limits that no container can have, and requests above them, are problems', () => {
  assert.match(problems({ resources: { limits: { memory: '100m' } } })[0] ?? '', /limits\.memory.*6Mi/);
  assert.match(problems({ resources: { limits: { cpu: 0 } } })[0] ?? '', /limits\.cpu.*10m/);
  assert.match(
    problems({ resources: { requests: { memory: '2Gi' }, limits: { memory: '1Gi' } } })[0] ?? '',
    /requests\.memory: 2Gi is more than the limit, 1Gi/,
  );
  assert.equal(problems({ resources: { requests: { cpu: '1' }, limits: { cpu: 1, memory: '6Mi' } } }), []);
});

test('nothing can be mounted over the root directory of the target', () => {
  assert.match(
    problems({ dockerVolumes: { '/srv/x': { bind: '/', mode: 'ro' } } })[0] ?? '',
    /root directory/,
  );
});

test('nothing can be mounted over the temporary volume of the run', () => {
  const dockerVolumes = { '/srv/x': { bind: '/mnt/girder_worker/temporary', mode: 'rw' as const } };
  assert.is(problems({ dockerVolumes }).length, 1);
});

test('one container path with doubled slashes is the same place', () => {
  const volumes = [bind('data', '/mnt/data'), bind('code', '/mnt//data')];
  assert.is(problems({ volumes }).length, 1);
});

test('every problem is told at once', () => {
  assert.is(problems({ args: ['$(a)', '$(b)'], command: ['$(c)'] }).length, 3);
});

test('a stream needs an address that is one, and no header of the request itself', () => {
  const stream = (url: string, ...headers: string[]) =>
    problems({
      transforms: [
        {
          name: 'out',
          connect: {
            input: { containerStdOut: {} },
            output: {
              chunkedTransferEncodingStream: { url, headers: headers.map((name) => ({ name, value: 'v' })) },
            },
          },
        },
      ],
      args: [],
      girderResultHooks: [],
    });
  assert.equal(stream('https://sink/in?key=x', 'Girder-Token'), []);
  assert.match(stream('http://[')[0] ?? '', /out.*\.url: it is no address/);
  assert.match(stream('http://user:password@sink/')[0] ?? '', /it has a user/);
  assert.match(stream('http://sink/a%2Fb')[0] ?? '', /encoded slash/);
  for (const header of ['Host', 'content-length', 'Transfer-Encoding']) {
    assert.match(
      stream('http://sink/', header)[0] ?? '',
      new RegExp(`${header} is set by the request itself`),
    );
  }
});

test.run();
