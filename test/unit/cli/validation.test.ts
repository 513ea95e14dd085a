import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { acceptRun, ignoredFields } from '../../../src/cli/offline/validation.ts';

const run = (spec: unknown, metadata: unknown = { name: 'a' }) => ({
  apiVersion: 'dockerrun.dev/v1alpha1',
  kind: 'DockerRun',
  metadata,
  spec,
});
const accepted = (...given: Parameters<typeof run>) => acceptRun(run(...given), 'f.yaml');

test('a valid run gets its defaults, and the namespace default unless it names another', () => {
  const { name, namespace, spec } = accepted({ image: 'a' });
  assert.equal([name, namespace, spec.backoffLimit, spec.removeContainer], ['a', 'default', 0, true]);
  assert.is(accepted({ image: 'a' }, { name: 'a', namespace: 'lab' }).namespace, 'lab');
});

test('a run with generateName gets a name', () => {
  assert.is(accepted({ image: 'a' }, { generateName: 'segment-' }).name, 'segment-local');
});

for (const [what, spec, metadata, sentence] of [
  ['no spec', undefined, undefined, /^f\.yaml: spec/],
  [
    'unknown fields',
    { image: 'a', arg: [], envs: [] },
    undefined,
    /unknown field "spec\.arg"; .*"spec\.envs"/,
  ],
  [
    'a broken rule',
    { image: 'a', girder: { apiUrl: 'http://a' } },
    undefined,
    /spec\.girder: set credentialsSecretRef/,
  ],
  ['a contradiction', { image: 'a', args: ['--in=$(x)'] }, undefined, /spec\.args\[0\]: \$\(x\)/],
  ['no name', { image: 'a' }, {}, /metadata\.name is missing/],
  ['an invalid name', { image: 'a' }, { name: 'A b' }, /metadata\.name "A b"/],
] as const) {
  test(`${what} is refused with the file and the field`, () => {
    assert.throws(
      () => acceptRun(run(spec, metadata ?? { name: 'a' }), 'f.yaml'),
      (error: Error) => error.message.startsWith('f.yaml: ') && sentence.test(error.message),
    );
  });
}

test('only fields and documents without an effect are reported', () => {
  const manifest = { file: 'f.yaml', runs: [], secrets: [], configMaps: [], ignored: [] };
  const notes = (spec: object) => ignoredFields(accepted({ image: 'a', ...spec }).spec, manifest);
  assert.equal(notes({ resources: { limits: { memory: '1Gi', cpu: 1, 'nvidia.com/gpu': 1 } } }), []);
  assert.equal(notes({ nodeSelector: {}, backoffLimit: 2, resources: { requests: { memory: 1, cpu: 1 } } }), [
    'without a cluster these have no effect: spec.nodeSelector, spec.backoffLimit (a failed run is not retried), spec.resources.requests.memory',
  ]);
  assert.match(notes({ imagePullSecrets: [{ name: 's' }] })[0] ?? '', /docker login/);
  const others = { ...manifest, ignored: ['Service/c'] };
  assert.equal(ignoredFields(accepted({ image: 'a' }).spec, others), ['ignored in f.yaml: Service/c']);
});

test.run();
