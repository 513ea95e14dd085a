import { globSync, readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { parseAllDocuments } from 'yaml';
import { parseMetadata, parseOlderSpec, parsePartialSpec, parseSpec } from '../../../src/api/docker-run.ts';
import { isRecord } from '../../../src/api/json-values.ts';
import { kind } from '../../../src/api/names.ts';
import { validateSpec } from '../../../src/api/validate.ts';
import { aSpec, metadata, specOf } from '../../fixtures/builders.ts';

/** Undefined for a valid spec. */
function problemOf(spec: unknown): string | undefined {
  const parsed = parseSpec(spec);
  return 'problem' in parsed ? parsed.problem : undefined;
}

test('a spec that the API server has stored is accepted', () => {
  assert.is(problemOf(aSpec()), undefined);
});

test('a port of the node has an address or none, and there may be several', () => {
  const ports = { 80: '', 81: 81, 82: '82', 83: '127.0.0.1:83', 84: '[::1]:84,10.0.0.1:85', 86: '86,87' };
  assert.is(problemOf(aSpec({ docker: { ports } })), undefined);
});

test('the API server sets the defaults of the schema', () => {
  const spec = specOf({
    image: 'a',
    volumes: [{ name: 'd', bindMount: { hostPath: '/d', containerPath: '/d' } }],
  });
  assert.is(spec.startDeadlineSeconds, 3600);
  assert.is(spec.backoffLimit, 0);
  assert.is(spec.volumes?.[0]?.bindMount?.mode, 'rw');
});

for (const [what, spec, problem] of [
  ['no spec', undefined, /^spec/],
  ['no image', { backoffLimit: 0, startDeadlineSeconds: 1 }, /image/],
  ['an empty image', aSpec({ image: '' }), /^spec\.image/],
  ['a backoffLimit that is not a number', { ...aSpec(), backoffLimit: '1' }, /^spec\.backoffLimit/],
  ['a deadline of 0', aSpec({ activeDeadlineSeconds: 0 }), /^spec\.activeDeadlineSeconds/],
  ['an unknown pull policy', { ...aSpec(), imagePullPolicy: 'Sometimes' }, /^spec\.imagePullPolicy/],
  [
    'a memory limit that is not a quantity',
    aSpec({ resources: { limits: { memory: '4 GB' } } }),
    /^spec\.resources/,
  ],
  [
    'an ID that is not from Girder',
    aSpec({ transforms: [{ name: 'ct', girderFileIdToVolume: { fileId: '../../x' } }] }),
    /^spec\.transforms\.0\.girderFileIdToVolume\.fileId/,
  ],
  [
    'an address in place of a port',
    aSpec({ docker: { ports: { '80/tcp': '10.0.0.1' } } }),
    /^spec\.docker\.ports\.80\/tcp/,
  ],
  ['a name that no argument can use', aSpec({ transforms: [{ name: 'c t' }] }), /^spec\.transforms\.0\.name/],
] as const) {
  test(`a spec with ${what} is refused with its field`, () => {
    assert.match(problemOf(spec) ?? 'accepted', problem);
  });
}

test('a stored spec beyond a bound of this version can be used, and one of another form cannot', () => {
  const key = 'disk';
  const nodeSelectorTerms = Array.from({ length: 40 }, () => ({
    matchExpressions: [{ key, operator: 'Exists' as const }],
  }));
  const affinity = {
    nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms } },
  };
  const beyond: unknown[] = [
    aSpec({ affinity }),
    aSpec({ backoffLimit: 1_000_000 }),
    aSpec({ activeDeadlineSeconds: 0 }),
    aSpec({ schedulerName: 'x'.repeat(300) }),
    aSpec({ args: Array.from({ length: 5_000 }, () => 'a') }),
  ];
  for (const spec of beyond) {
    assert.ok(problemOf(spec) !== undefined);
    assert.is(parseOlderSpec(spec), spec);
  }
  const unusable: unknown[] = [
    undefined,
    {},
    aSpec({ transforms: [{ name: 'c t' }] }),
    { ...aSpec(), backoffLimit: '1' },
    { ...aSpec(), imagePullPolicy: 'Sometimes' },
    aSpec({ args: Array.from({ length: 100 }, () => 'a'.repeat(2_000)) }),
  ];
  for (const spec of unusable) assert.is(parseOlderSpec(spec), undefined);
});

test('of a stored spec of another form, the fields and elements that can be read are used', () => {
  const good = { name: 'out', volumePath: { filename: 'out', volume: 'temporaryVolume' } };
  const bad = { ...good, name: 'o t' };
  const spec = { ...aSpec(), cancel: true, transforms: [bad, good], imagePullPolicy: 'Sometimes', later: 1 };
  const { transforms, cancel, ...others } = parsePartialSpec(spec) ?? aSpec();
  assert.equal([transforms, cancel], [[good], true]);
  assert.not.ok('imagePullPolicy' in others || 'later' in others);
  assert.is(parsePartialSpec({ ...aSpec(), backoffLimit: '1' })?.backoffLimit, 0);
  assert.is(parsePartialSpec({ ...aSpec(), image: 5 }), undefined);
  for (const value of [undefined, 'x', []]) assert.is(parsePartialSpec(value), undefined);
});

test('quantities are numbers or texts, as in Kubernetes', () => {
  for (const cpu of [2, '2', '500m', '1.5', '.5', '1e3', '4Gi']) {
    assert.is(problemOf(aSpec({ resources: { limits: { cpu } } })), undefined, String(cpu));
  }
  for (const cpu of ['', 'two', '-1', '1 Gi', '1KiB']) {
    assert.is.not(problemOf(aSpec({ resources: { limits: { cpu } } })), undefined, cpu);
  }
});

test('metadata of a stored object is parsed, and anything else is a defect', () => {
  assert.equal(parseMetadata(metadata), metadata);
  for (const value of [undefined, {}, { ...metadata, generation: '1' }]) {
    assert.throws(() => parseMetadata(value), /does not have the metadata of a stored DockerRun/);
  }
});

/** Replaces the variables that a user fills in; an ID of Girder is a valid value for all but URLs. */
const filledIn = (text: string) =>
  text
    .replace(/\$\{[A-Z_]*URL\}/g, 'https://girder.example.org/api/v1')
    .replace(/\$\{[A-Z_]+\}/g, '5f0c0000000000000000000a');

for (const path of globSync('examples/**/*.yaml').toSorted()) {
  const documents = parseAllDocuments(filledIn(readFileSync(path, 'utf8')));
  const objects = documents.map((document) => document.toJS() as unknown).filter(isRecord);
  for (const run of objects.filter((object) => object['kind'] === kind)) {
    test(`the DockerRun in ${path} is valid`, () => {
      assert.equal(validateSpec(specOf(run['spec'])), []);
    });
  }
}

test.run();
