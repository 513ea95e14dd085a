import { test } from '../../fixtures/suite.ts';
import * as assert from 'uvu/assert';
import { stringify } from 'yaml';
import { setKind } from '../../../src/api/names.ts';
import { dockerRunSetSpec } from '../../../src/api/set/set-spec.ts';
import { recordAt } from '../../../src/kube/json.ts';
import { environment } from '../../e2e/support/environment.ts';
import { execute, succeed } from '../../e2e/support/shell.ts';
import { everyField, everySetField } from './every-field.ts';
import { largestPolicy, largestSpecs } from './largest.ts';
import { refusedParts } from './refused-parts.ts';
import { refusedSpecs } from './refused-specs.ts';

/** Only the schema decides here: the webhook of an installed operator does not review this namespace. */
const namespace = `test-schema-${Date.now().toString(36)}`;

test.before(async () => {
  const metadata = { name: namespace, labels: { 'dockerrun.dev/admission': 'disabled' } };
  const input = JSON.stringify({ apiVersion: 'v1', kind: 'Namespace', metadata });
  await succeed('kubectl', ['create', '-f', '-'], { input });
});
test.after(async () => {
  await succeed('kubectl', ['delete', 'namespace', namespace, '--wait=false']);
});

const manifest = (spec: unknown) => ({
  apiVersion: 'dockerrun.dev/v1alpha1',
  kind: 'DockerRun',
  metadata: { name: 'schema', namespace },
  spec,
});

/** The result of `kubectl apply` for a DockerRun with this spec, without storing it. */
async function dryRun(spec: unknown): Promise<{ code: number | null; stdout: string; stderr: string }> {
  environment('KUBECONFIG');
  const args = ['apply', '--dry-run=server', '--output=json', '-f', '-'];
  const { code, stdout, stderr } = await execute('kubectl', args, { input: stringify(manifest(spec)) });
  return { code, stdout: stdout.toString(), stderr };
}

/** Why the API server refuses an object, or an empty text. Unlike `apply`, this has no limit on its size. */
async function refusal(object: object): Promise<string> {
  const args = ['create', '--dry-run=server', '-f', '-'];
  const { code, stderr } = await execute('kubectl', args, { input: JSON.stringify(object) });
  return code === 0 ? '' : stderr;
}

for (const [what, { spec, message }] of Object.entries({ ...refusedSpecs, ...refusedParts })) {
  test(`kubectl apply refuses ${what} and shows why`, async () => {
    const { code, stderr } = await dryRun(spec);
    assert.match(code === 0 ? 'accepted' : stderr, message);
  });
}

test('kubectl apply accepts a run with every field, and keeps every value', async () => {
  const { stdout, stderr } = await dryRun(everyField);
  assert.is(stderr, '');
  assert.equal(recordAt(JSON.parse(stdout), 'spec'), everyField);
});

test('kubectl apply accepts sets with every field, and keeps every value', async () => {
  const given = new Set(everySetField.flatMap((spec) => Object.keys(spec)));
  assert.equal([...given].toSorted(), Object.keys(dockerRunSetSpec.properties).toSorted());
  for (const spec of everySetField) {
    const input = stringify({ ...manifest(spec), kind: setKind });
    const args = ['apply', '--dry-run=server', '--output=json', '-f', '-'];
    const { stdout, stderr } = await execute('kubectl', args, { input });
    assert.is(stderr, '');
    assert.equal(recordAt(JSON.parse(stdout.toString()), 'spec'), spec);
  }
});

for (const [what, spec] of Object.entries(largestSpecs)) {
  test(`the API server can afford the rules of the schema for ${what}`, async () => {
    assert.is(await refusal(manifest(spec)), '');
  });
}

test('the API server can afford the rules of the schema for the largest policy', async () => {
  const apiVersion = 'dockerrun.dev/v1alpha1';
  const policy = { apiVersion, kind: 'DockerRunPolicy', metadata: { name: 'schema' }, spec: largestPolicy };
  assert.is(await refusal(policy), '');
});

test('absent fields get the defaults of the schema, also inside unions', async () => {
  const { stdout } = await dryRun({
    image: 'a',
    volumes: [
      { name: 'd', bindMount: { hostPath: '/srv', containerPath: '/d' } },
      { name: 'c', persistentVolumeClaim: { claimName: 'c', containerPath: '/c' } },
      { name: 't', temporary: {} },
    ],
    dockerVolumes: { '/srv': { bind: '/e' } },
    transforms: [{ name: 'p', progressPipe: {} }],
  });
  assert.equal(recordAt(JSON.parse(stdout), 'spec'), {
    image: 'a',
    volumes: [
      { name: 'd', bindMount: { hostPath: '/srv', containerPath: '/d', mode: 'rw' } },
      { name: 'c', persistentVolumeClaim: { claimName: 'c', containerPath: '/c', readOnly: false } },
      { name: 't', temporary: {} },
    ],
    dockerVolumes: { '/srv': { bind: '/e', mode: 'rw' } },
    transforms: [{ name: 'p', progressPipe: { name: '.girder_progress' } }],
    removeContainer: true,
    terminationGracePeriodSeconds: 10,
    startDeadlineSeconds: 3600,
    uploadDeadlineSeconds: 86_400,
    backoffLimit: 0,
    disruptionLimit: 10,
    suspend: false,
    cancel: false,
  });
});

test('kubectl explain has a description of every field of the spec', async () => {
  const text = await succeed('kubectl', ['explain', 'dockerrun.spec', '--recursive=false']);
  assert.not.match(text, '<no description>');
});

test.run();
