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

/** Validates the good spec with some fields changed. */
const problems = (changes: Partial<DockerRunSpec>) => validateSpec({ ...good, ...changes });

test('a good spec and a minimal spec have no problems', () => {
  assert.equal(validateSpec(good), []);
  assert.equal(validateSpec(aSpec()), []);
});

test('the message about an undeclared reference names its field, the known names and how to escape it', () => {
  const [problem = '', ...more] = problems({ args: ['a', '--in=$(cts)'] });
  assert.equal(more, []);
  assert.match(problem, /^spec\.args\[1\]: \$\(cts\)/);
  assert.match(problem, /known: temporaryVolume, data, code, ct, mask/);
  assert.match(problem, /\$\$\(cts\)/);
});

test('references in the command are checked as well', () => {
  assert.match(problems({ command: ['$(python)'] })[0] ?? '', /^spec\.command\[0\]: \$\(python\)/);
});

for (const [what, text, isKnown] of [
  ['a plain text', 'in=a', true],
  ['the volume that every run has', '--in=$(temporaryVolume)/a', true],
  ['a volume', '$(d)/x', true],
  ['a transform', '$(p)', true],
  ['the pipe of a connect', '$(piped)', true],
  ['a literal text', '$$(nothing)', true],
  ['what cannot be a name', '$(cat file) $() $(1)', true],
  ['an undeclared name', '$(d) and $(nothing)', false],
  ['a text that is only an undeclared name', '$(nothing)', false],
  ['an undeclared name with a dot', '$(nothing.1)', false],
  ['an undeclared name after a literal dollar', '$$$(nothing)', false],
  ['a connect without a pipe', '$(logged)', false],
] as const) {
  for (const field of ['command', 'args']) {
    test(`${what} in ${field} is ${isKnown ? 'accepted' : 'refused'}`, () => {
      const pipe = { input: { namedOutputPipe: { name: 'q' } }, output: { hostStdOut: {} } };
      const run = {
        image: 'busybox',
        [field]: ['first', text],
        volumes: [{ name: 'd', temporary: {} }],
        transforms: [
          { name: 'p', volumePath: { filename: 'f' } },
          { name: 'piped', connect: pipe },
          { name: 'logged', connect: { input: { containerStdErr: {} }, output: { hostStdOut: {} } } },
        ],
      };
      const message = validateSpec(specOf(run)).join();
      if (isKnown) assert.is(message, '');
      else assert.match(message, new RegExp(`^spec\\.${field}\\[1\\]: \\$\\((nothing(\\.1)?|logged)\\)`));
    });
  }
}

test('an input cannot be below the file of another input', () => {
  const at = (name: string, filename: string, id = fileId) => ({
    name,
    girderFileIdToVolume: { fileId: id, filename },
  });
  const other = 'f'.repeat(24);
  for (const [first, second] of [
    ['ct', 'ct/mask'],
    ['ct/mask', 'ct'],
  ] as const)
    assert.match(
      problems({ transforms: [at('a', first), at('b', second, other)] }).join('\n'),
      /^spec\.transforms: b\.girderFileIdToVolume: a already uses /m,
    );
  assert.equal(
    problems({ transforms: [at('a', 'ct/a'), at('b', 'ct/ab', other)] }).filter((problem) =>
      problem.includes('already'),
    ),
    [],
  );
});

test('a path with a colon cannot be relabeled, because the engine separates paths by colons', () => {
  const volumes = (mode: 'rw' | 'rw,Z') => [
    { name: 'data', bindMount: { hostPath: '/srv/a:b', containerPath: '/data', mode } },
  ];
  assert.equal(validateSpec(aSpec({ volumes: volumes('rw') })), []);
  assert.match(
    validateSpec(aSpec({ volumes: volumes('rw,Z') }))[0] ?? '',
    /^spec\.volumes: data\.bindMount: .* colon/,
  );
});

test('only a path can be in a volume that only the target sees', () => {
  const volumes = [
    {
      name: 'cache',
      namedVolume: { volumeName: 'pip', containerPath: '/cache', readOnly: false, create: false },
    },
  ];
  const at = { name: 'x', volumePath: { filename: 'x', volume: 'cache' } };
  const args = ['$(cache)', '$(x)'];
  assert.equal(validateSpec(aSpec({ volumes, transforms: [at], args })), []);
  const hook = { girderUploadVolumePathToItem: { volumePath: 'x', itemId: fileId, deleteFile: true } };
  const transforms = [
    at,
    { name: 'ct', girderFileIdToVolume: { fileId, volume: 'cache' } },
    { name: 'pipe', namedInputPipe: { name: 'p', volume: 'cache' } },
  ];
  const run = { image: 'busybox', volumes, transforms, girderResultHooks: [hook] };
  assert.equal(validateSpec(specOf(run)), [
    'spec.transforms: ct.girderFileIdToVolume: cannot create a download in cache, which only the target sees',
    'spec.transforms: pipe.namedInputPipe: cannot create a pipe in cache, which only the target sees',
    'spec.girderResultHooks[0].girderUploadVolumePathToItem.volumePath: cannot upload from cache, which only the target sees; let the target write to another volume',
  ]);
});

test('a transform cannot have the name of a volume', () => {
  const transforms = [...(good.transforms ?? []), { name: 'data', volumePath: { filename: 'x' } }];
  assert.match(problems({ transforms })[0] ?? '', /^spec\.transforms: "data" is also the name of a volume/);
});

test('a transform cannot have the name of the volume that every run has', () => {
  const transforms = [...(good.transforms ?? []), { name: 'temporaryVolume', volumePath: { filename: 'x' } }];
  assert.match(problems({ transforms })[0] ?? '', /"temporaryVolume" is also the name of a volume/);
});

test('a download or an output must name a volume of the run', () => {
  const transforms = [
    { name: 'ct', girderFileIdToVolume: { fileId, volume: 'lost' } },
    { name: 'mask', volumePath: { filename: 'mask.nrrd', volume: 'ct' } },
  ];
  assert.equal(problems({ transforms }), [
    'spec.transforms: ct.girderFileIdToVolume.volume: "lost" is not a volume of this run',
    'spec.transforms: mask.volumePath.volume: "ct" is not a volume of this run',
  ]);
});

test('an upload must name a volumePath, and not a download', () => {
  for (const volumePath of ['ct', 'lost']) {
    const { girderResultHooks } = specOf({
      ...good,
      girderResultHooks: [{ girderUploadVolumePathToItem: { volumePath, itemId: fileId } }],
    });
    const [problem = ''] = validateSpec({ ...good, ...(girderResultHooks && { girderResultHooks }) });
    assert.match(problem, /^spec\.girderResultHooks\[0\]\.girderUploadVolumePathToItem\.volumePath: /);
    assert.match(problem, new RegExp(`"${volumePath}" is not a volumePath transform`));
  }
});

test('two mounts at one path are a problem, also with a slash at the end or of different kinds', () => {
  const volumes = [bind('data', '/mnt/data'), bind('code', '/mnt/data/')];
  assert.match(problems({ volumes })[0] ?? '', /spec\.volumes: code.*spec\.volumes: data is already mounted/);
  const dockerVolumes = { '/srv/x': { bind: '/code', mode: 'ro' as const } };
  assert.match(problems({ dockerVolumes })[0] ?? '', /spec\.dockerVolumes: \/srv\/x.*spec\.volumes: code/);
});

test('the message about an unknown name lists only some of many known names', () => {
  const transforms = Array.from({ length: 256 }, (_, index) => ({
    name: `t${index}`,
    volumePath: { filename: 'f' },
  }));
  const [problem = ''] = problems({ transforms, args: ['$(nosuch)'], girderResultHooks: [] });
  assert.ok(problem.length < 400, problem);
  assert.match(problem, /and 249 more/);
});

test('two files cannot be downloaded to one path, but one file may have two names', () => {
  const file = (name: string, fileId: string) => ({
    name,
    girderFileIdToVolume: { fileId, filename: 'a.bin' },
  });
  const plain = { args: [], girderResultHooks: [] };
  const [first, second] = ['0'.repeat(24), '1'.repeat(24)];
  assert.is(problems({ ...plain, transforms: [file('a', first), file('b', second)] }).length, 1);
  assert.equal(problems({ ...plain, transforms: [file('a', first), file('b', first)] }), []);
});

test('an amount that is negative, or more than any node has, is a problem', () => {
  for (const amount of [-1, -2_147_483_649, '2P', '9e25', Number.MAX_SAFE_INTEGER]) {
    assert.match(
      problems({ resources: { requests: { cpu: amount } } })[0] ?? '',
      /requests\.cpu: .* 0 and 1P/,
    );
    assert.match(
      problems({ resources: { limits: { 'a.com/b': amount } } })[0] ?? '',
      /limits\.a\.com\/b: .* 1P/,
    );
  }
  assert.equal(problems({ resources: { requests: { memory: '1P' } } }), []);
});

test('a limit below the minimum of a container, or below the request, is a problem', () => {
  assert.match(problems({ resources: { limits: { memory: '100m' } } })[0] ?? '', /limits\.memory.*6Mi/);
  assert.match(problems({ resources: { limits: { cpu: 0 } } })[0] ?? '', /limits\.cpu.*10m/);
  assert.match(
    problems({ resources: { requests: { memory: '2Gi' }, limits: { memory: '1Gi' } } })[0] ?? '',
    /requests\.memory: 2Gi is more than the limit, 1Gi/,
  );
  assert.equal(problems({ resources: { requests: { cpu: '1' }, limits: { cpu: 1, memory: '6Mi' } } }), []);
});

test('a volume cannot be mounted over the root directory of the target', () => {
  assert.match(
    problems({ dockerVolumes: { '/srv/x': { bind: '/', mode: 'ro' } } })[0] ?? '',
    /root directory/,
  );
});

test('a volume cannot be mounted over the temporary volume of the run', () => {
  const dockerVolumes = { '/srv/x': { bind: '/mnt/girder_worker/temporary', mode: 'rw' as const } };
  assert.is(problems({ dockerVolumes }).length, 1);
});

/** The problems of an input with this path of its own, beside volumes at /mnt/data and /code. */
const ownPath = (containerPath: string, volume?: string) =>
  validateSpec(
    specOf({
      ...good,
      transforms: [
        ...(good.transforms ?? []),
        { name: 'x', girderItemIdToVolume: { itemId: fileId, containerPath, ...(volume && { volume }) } },
        { name: 'y', volumePath: { filename: 'y', containerPath: '/in/y' } },
      ],
    }),
  );

test('an input may have a path of its own beside all other mounts', () => {
  for (const path of ['/x', '/in/x', '/mnt/x', '/mnt/data-2', '/mnt/girder_worker/x'])
    assert.equal(ownPath(path), [], path);
});

for (const [what, path, problem] of [
  [
    'that of a volume',
    '/code',
    /^spec\.transforms: x\.\S+containerPath: spec\.volumes: code is already mounted/,
  ],
  ['in a volume', '/mnt/data/x', /: \/mnt\/data\/x is inside of \/mnt\/data, where spec\.volumes: data is/],
  ['in the temporary volume', '/mnt/girder_worker/temporary/x', /is inside of .*, where temporaryVolume is/],
  ['around volumes', '/mnt', /: \/mnt is around \/mnt\/\S+, where \S+( \S+)? is mounted; use another path$/],
  [
    'in a directory of dockerVolumes',
    '/atlas/x',
    /is inside of \/atlas, where spec\.dockerVolumes: \/srv\/atlas/,
  ],
  [
    'that of another input',
    '/in/y',
    /^spec\.transforms: y\.volumePath\.containerPath: spec\.transforms: x\.\S+ is already/,
  ],
  [
    'in another input',
    '/in/y/x',
    /x\.\S+: \/in\/y\/x is inside of \/in\/y, where spec\.transforms: y\.\S+ is mounted/,
  ],
] as const) {
  test(`the path of an input cannot be ${what}`, () => {
    assert.match(ownPath(path).join('\n'), problem);
  });
}

test('an input with a path of its own must be in a volume that no other program can write to', () => {
  assert.equal(ownPath('/x', 'data'), [
    'spec.transforms: x.girderItemIdToVolume.containerPath: its volume must be a temporary one, since others could put a link into data',
  ]);
});

test('a container path with doubled slashes is the same path', () => {
  const volumes = [bind('data', '/mnt/data'), bind('code', '/mnt//data')];
  assert.is(problems({ volumes }).length, 1);
});

test('all problems are reported at once', () => {
  assert.is(problems({ args: ['$(a)', '$(b)'], command: ['$(c)'] }).length, 3);
});

test('a stream needs a valid URL, and cannot set the headers of the HTTP client', () => {
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
  assert.match(stream('http://[')[0] ?? '', /out.*\.url: it is not a valid URL/);
  assert.match(stream('http://user:password@sink/')[0] ?? '', /it contains a user or password/);
  assert.match(stream('http://sink/a%2Fb')[0] ?? '', /encoded slash/);
  for (const header of ['Host', 'content-length', 'Transfer-Encoding']) {
    assert.match(stream('http://sink/', header)[0] ?? '', new RegExp(`${header} is set by the HTTP client`));
  }
});

test.run();
