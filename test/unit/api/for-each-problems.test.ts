import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { ForEach, ForEachItem } from '../../../src/api/for-each.ts';
import { validateSpec } from '../../../src/api/validate.ts';
import { specOf } from '../../fixtures/builders.ts';

const id = (letter: string) => letter.repeat(24);
const anItem = (letter: string, values: Record<string, string> = {}): ForEachItem => ({
  id: id(letter),
  name: letter,
  recipe: '0'.repeat(64),
  values,
  result: { folderId: id('f'), name: letter },
});

/** The problems of a spec with forEach over two inputs. */
function problemsOf(written: Record<string, unknown>, items = [anItem('a'), anItem('b')]): string[] {
  const set = { namespace: 'lab', name: 'nuclei' };
  const forEach: ForEach = { set, each: 'Item', log: 'Always', isCautious: false, items };
  const girder = { apiUrl: 'https://example.org/api/v1', credentialsSecretRef: { name: 'girder' } };
  return validateSpec(specOf({ image: 'a', girder, ...written, forEach }));
}

const withoutForEach = (written: Record<string, unknown>) => validateSpec(specOf({ image: 'a', ...written }));
const download = (fields: Record<string, unknown>) => ({ name: 'in', girderFileIdToVolume: fields });

test('paths and values of the input are known in arguments with forEach', () => {
  const values = { 'item.name': 'x' };
  const items = [anItem('a', values), anItem('b', values)];
  assert.equal(problemsOf({ args: ['$(item)', '$(result)', '$(item.name)', '$$(item.meta.x)'] }, items), []);
});

test('a value that some inputs lack is a problem, wherever it is used', () => {
  const items = [anItem('a', { 'item.meta.mpp': '0.25' }), anItem('b')];
  const sentence =
    'spec.forEach.items: 1 of 2 have no value of $(item.meta.mpp), such as bbbbbbbbbbbbbbbbbbbbbbbb';
  assert.equal(problemsOf({ args: ['$(item.meta.mpp)'] }, items), [sentence]);
  assert.equal(problemsOf({ env: [{ name: 'A', value: '$(item.meta.mpp)' }] }, items), [sentence]);
});

test('without forEach, names of inputs have no value', () => {
  assert.match(
    withoutForEach({ args: ['$(item.name)'] })[0] ?? '',
    '$(item.name) has a value only in the runs of a',
  );
  assert.match(
    withoutForEach({ args: ['$(result)'] })[0] ?? '',
    '$(result) has a value only in the runs of a',
  );
  const transforms = [download({ fileId: '$(item.file.id)' })];
  const girder = { apiUrl: 'https://example.org/api/v1', credentialsSecretRef: { name: 'girder' } };
  assert.match(
    withoutForEach({ transforms, girder })[0] ?? '',
    'spec.transforms[0].girderFileIdToVolume.fileId: $(item.file.id) has a value only in the runs of a DockerRunSet',
  );
  // A run of today may have such a transform.
  const named = [{ name: 'item', girderFileIdToVolume: { fileId: id('a') } }];
  assert.equal(withoutForEach({ transforms: named, girder, args: ['$(item)'] }), []);
});

test('an id must be one of Girder for each input', () => {
  const transforms = [download({ fileId: '$(item.file.id)' })];
  const good = { 'item.file.id': id('c') };
  assert.equal(problemsOf({ transforms }, [anItem('a', good), anItem('b', good)]), []);
  const [problem = ''] = problemsOf({ transforms }, [
    anItem('a', good),
    anItem('b', { 'item.file.id': '../x' }),
  ]);
  assert.match(
    problem,
    'the value of $(item.file.id) for input bbbbbbbbbbbbbbbbbbbbbbbb is not an id of Girder',
  );
});

test('values never choose what the policy checks', () => {
  const items = [anItem('a', { 'item.name': 'x' }), anItem('b', { 'item.name': 'y' })];
  const stream = {
    name: 'out',
    connect: {
      input: { containerStdOut: {} },
      output: { chunkedTransferEncodingStream: { url: 'https://$(item.name).example.org/' } },
    },
  };
  const valueFrom = { secretKeyRef: { name: '$(item.name)', key: 'k' } };
  const misplaced = [
    { image: 'a:$(item.name)' },
    { transforms: [stream] },
    { env: [{ name: 'A', valueFrom }] },
    {
      volumes: [{ name: 'v', bindMount: { hostPath: '/srv/$(item.name)', containerPath: '/v', mode: 'ro' } }],
    },
    { dockerVolumes: { '/srv/$(item.name)': { bind: '/v', mode: 'ro' } } },
  ];
  for (const written of misplaced)
    assert.match(
      problemsOf(written, items)[0] ?? '',
      '$(item.name) has no value there',
      JSON.stringify(written),
    );
});

test('names of the input, a job, a log and kept containers do not go together with forEach', () => {
  const taken = [download({ fileId: id('c') })].map((one) => ({ ...one, name: 'result' }));
  assert.match(
    problemsOf({ transforms: taken })[0] ?? '',
    'spec.transforms: the name result stands for a path',
  );
  assert.match(
    problemsOf({ removeContainer: false })[0] ?? '',
    'spec.removeContainer: false would keep a container',
  );
  const girder = { apiUrl: 'https://example.org/api/v1', credentialsSecretRef: { name: 'girder' } };
  const job = { id: id('d'), tokenSecretRef: { name: 's', key: 'k' } };
  assert.match(
    problemsOf({ girder: { ...girder, job } })[0] ?? '',
    'spec.girder.job: a job shows one target',
  );
  const log = { folderId: id('d'), when: 'Always' };
  assert.match(problemsOf({ girder: { ...girder, log } })[0] ?? '', 'spec.girder.log: with forEach');
});

test('what belongs to one input and what all share are in different volumes', () => {
  const values = { 'item.file.id': id('c') };
  const items = [anItem('a', values), anItem('b', values)];
  const lasting = [
    { name: 'data', bindMount: { hostPath: '/srv/data', containerPath: '/data', mode: 'rw' } },
  ];
  const own = [download({ fileId: '$(item.file.id)', volume: 'data' })];
  assert.match(problemsOf({ volumes: lasting, transforms: own }, items)[0] ?? '', 'needs a temporary volume');
  const volumes = [{ name: 'models', temporary: {} }];
  const weights = { name: 'weights', girderFileIdToVolume: { fileId: id('d'), volume: 'models' } };
  assert.equal(problemsOf({ volumes, transforms: [weights] }), []);
  const out = { name: 'out', volumePath: { filename: 'x', volume: 'models' } };
  assert.match(
    problemsOf({ volumes, transforms: [weights, out] })[0] ?? '',
    'out: its volume holds downloads that all',
  );
  const mount = [{ name: 'v', temporary: { containerPath: '/mnt/girder_worker/result/' } }];
  assert.match(problemsOf({ volumes: mount })[0] ?? '', 'is where forEach mounts a directory of its own');
});

test('two inputs with one result item are a problem', () => {
  const [one, other] = [anItem('a'), anItem('b')];
  const items = [one, { ...other, result: { ...other.result, name: 'a ' } }];
  assert.equal(problemsOf({}, items), [
    `spec.forEach.items: ${one.id} and ${other.id} have the same result item`,
  ]);
});

test.run();
