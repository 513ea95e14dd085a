import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { policyPlural } from '../../../src/api/names.ts';
import { type Reviewed, review } from '../../../src/controller/admission/review.ts';
import { recordAt, textAt } from '../../../src/kube/json.ts';
import { type Policy, refusedByPolicy } from '../../../src/policy/policy.ts';
import { type Asked, aReview, contradictorySpecs } from '../../fixtures/admission-reviews.ts';
import {
  after,
  anObservation,
  aRun,
  decided,
  metadata,
  specOf,
  workerConfig,
} from '../../fixtures/builders.ts';
import { failureReasons, type FailureReason } from '../../../src/api/reasons.ts';
import { remedyAtApply } from '../../../src/support/errors.ts';
import { policyOf } from '../../fixtures/policies.ts';
import { policyCases } from '../policy/policy-cases.ts';

const reviewed = (asked: Asked, policy: Policy = {}): Reviewed => review(aReview(asked), rulesOf(policy));
const rulesOf = (policy: Policy = {}) => ({ policyIn: () => policy, worker: workerConfig });
const responseOf = (result: Reviewed) => recordAt('answer' in result ? result.answer : {}, 'response');
/** The sentence with which it refuses; undefined when it allows. */
const refusalOf = (result: Reviewed) => textAt(recordAt(responseOf(result), 'status'), 'message');
const run = (spec: unknown, more: object = {}) => ({ metadata: { ...metadata, ...more }, spec });
const invalid = specOf({ image: 'busybox', args: ['$(nosuch)'] });
const nosuch = /spec\.args\[0\]: \$\(nosuch\)/;

/**
 * What the controller writes about a run of this spec, with the remedy for one that is not stored; undefined when it
 * makes a Job.
 */
function messageOf(spec: ReturnType<typeof specOf>, policy: Policy): string | undefined {
  const { status } = decided(anObservation({ run: aRun({ spec }) }), after(1), policy);
  if (status?.phase !== 'Failed') return undefined;
  const reason = status.reason as FailureReason;
  const { remedy } = failureReasons[reason];
  assert.ok(status.message?.endsWith(` ${remedy}`), status.message);
  return `${status.message?.slice(0, -remedy.length)}${remedyAtApply(reason)}`;
}

test('the webhook and the controller refuse the same contradictory specs, with the same sentence', () => {
  for (const [what, more] of Object.entries(contradictorySpecs)) {
    const spec = specOf({ image: 'busybox', ...more });
    const policy = policyOf('hostPaths: [{ pathPrefix: /srv }]');
    const refusal = refusalOf(reviewed({ object: run(spec) }, policy));
    assert.ok(refusal !== undefined, what);
    assert.is(refusal, messageOf(spec, policy), what);
  }
});

test('the webhook and the controller have one verdict for every case of the policies', () => {
  let [refused, allowed] = [0, 0];
  for (const { policy, suffix = 'other', cases } of policyCases) {
    const effective = policyOf(policy, `policy-of-${suffix}`);
    for (const { what, spec: more } of cases) {
      const spec = specOf({ image: 'busybox', ...more });
      const refusal = refusalOf(reviewed({ object: run(spec) }, effective));
      assert.is(refusal, messageOf(spec, effective), what);
      if (refusedByPolicy(spec, effective) !== undefined) assert.ok(refusal !== undefined, what);
      if (refusal === undefined) allowed += 1;
      else refused += 1;
    }
  }
  assert.ok(refused > 80 && allowed > 50, `${refused} refused, ${allowed} allowed`);
});

test('a spec that the defaults of the policy make too large is refused with the sentence of the controller', () => {
  const labels = Object.fromEntries(
    Array.from({ length: 60 }, (_, index) => [`l${index}`, 'x'.repeat(1_000)]),
  );
  const policy: Policy = { dockerDefaults: { labels } };
  const spec = specOf({ image: 'busybox', args: Array.from({ length: 9 }, () => 'y'.repeat(10_000)) });
  const refusal = refusalOf(reviewed({ object: run(spec) }, policy));
  assert.match(
    refusal ?? '',
    /^Spec: with the defaults of the policy, it has \d+ bytes more than the environment/,
  );
  assert.is(refusal, messageOf(spec, policy));
  assert.is(reviewed({ object: run(spec) }).verdict, 'allowed');
});

test('the advice fits what happened: nothing was stored, or a stored run will fail', () => {
  const created = refusalOf(reviewed({ object: run(invalid) })) ?? '';
  assert.match(created, /Correct the field that the message names and apply the DockerRun again\.$/);
  const changed = reviewed({
    object: run(invalid, { generation: 4 }),
    before: run(specOf({ image: 'busybox' })),
  });
  assert.is(refusalOf(changed), created);
  const cancelled = reviewed({
    object: run({ ...invalid, cancel: true }, { generation: 4 }),
    before: run(invalid),
  });
  assert.match(JSON.stringify(responseOf(cancelled)['warnings']), /apply the DockerRun under a new name/);
  const policy = reviewed({
    object: { metadata: { name: 'default', generation: 1 }, spec: { hostPaths: 'all' } },
    ...{ resource: policyPlural, name: 'default' },
  });
  assert.match(refusalOf(policy) ?? '', /Correct it and apply it again\.$/);
});

test('a refusal is a 422, as of an object that the schema refuses', () => {
  const status = recordAt(responseOf(reviewed({ object: run(invalid) })), 'status');
  assert.equal([status['code'], status['reason'], status['status']], [422, 'Invalid', 'Failure']);
});

test('a spec that is too large is refused', () => {
  const spec = { image: 'a', args: Array.from({ length: 40_000 }, () => '$(x)') };
  assert.match(refusalOf(reviewed({ object: run(spec) })) ?? '', /more than 102400 bytes/);
});

test('a spec that is nested too deeply is refused', () => {
  const spec: unknown = JSON.parse(`${'{"a":'.repeat(40)}1${'}'.repeat(40)}`);
  assert.match(refusalOf(reviewed({ object: run(spec) })) ?? '', /nested more than 32 deep/);
});

/** Half of what the API server waits, in which the controller does nothing else. */
const stallMs = 1_000;

test('no body of 3 MiB keeps the controller from its other work', () => {
  const with_ = (spec: string) => aReview({ object: run('SPEC') }).replace('"SPEC"', () => spec);
  const names = Array.from({ length: 250_000 }, (_, index) => `"k${index}":1`);
  const bodies: Record<string, string> = {
    'nested objects': with_(`${'{"a":'.repeat(500_000)}1${'}'.repeat(500_000)}`),
    'nested lists': with_('['.repeat(1_500_000) + ']'.repeat(1_500_000)),
    'lists without an end': '['.repeat(3_000_000),
    'ends without lists': ']'.repeat(3_000_000),
    'many lists': with_(`[${'[],'.repeat(1_000_000)}1]`),
    'many names': with_(`{${names.join()}}`),
    quotes: '"'.repeat(3_000_000),
    escapes: with_(`{"image":"${'\\u0041'.repeat(500_000)}"}`),
    'a long image': with_(`{"image":"${'a/'.repeat(1_500_000)}"}`),
    'many references': with_(
      JSON.stringify({ image: 'a', args: Array.from({ length: 20_000 }, () => '$(') }),
    ),
  };
  for (const [what, body] of Object.entries(bodies)) {
    const before = process.cpuUsage();
    const { verdict } = review(body, rulesOf());
    const ms = process.cpuUsage(before).user / 1_000;
    assert.ok(verdict !== 'allowed', what);
    assert.ok(ms < stallMs, `${what}: ${ms.toFixed(0)} ms`);
  }
});

test('a body that is not a review of our resources is malformed, whatever it is', () => {
  const valid = aReview({ object: run(invalid) });
  const wrong = [
    '',
    'no JSON',
    '{"kind":',
    'null',
    '[]',
    '"AdmissionReview"',
    '{}',
    '['.repeat(1_000_000),
    valid.replace('admission.k8s.io/v1', 'admission.k8s.io/v1beta1'),
    valid.replace('"AdmissionReview"', '"Pod"'),
    valid.replace('"dockerruns"', '"pods"'),
    valid.replace('"dockerruns"', '"__proto__"'),
    valid.replace('"dockerrun.dev"', '"apps"'),
    valid.replace(/"uid":"f0[^"]*"/, '"uid":""'),
    valid.replace(/"uid":"f0[^"]*"/, `"uid":"${'x'.repeat(10_000)}"`),
    valid.replace(/"object":\{.*\},"oldObject"/, '"object":7,"oldObject"'),
  ];
  for (const body of wrong) assert.is(review(body, rulesOf()).verdict, 'malformed', body.slice(0, 200));
});

test('an object whose spec has the wrong type is refused, not an error', () => {
  for (const spec of [undefined, null, 3, 'text', [], { image: 7 }])
    assert.match(refusalOf(reviewed({ object: run(spec) })) ?? '', /^spec/i);
});

test('an object that is being deleted is always allowed, so that it can lose its finalizers', () => {
  const deletionTimestamp = '2026-01-02T03:05:00Z';
  const object = run(invalid, { deletionTimestamp, finalizers: [], generation: 4 });
  assert.is(reviewed({ object, before: run(invalid, { finalizers: ['a/b'] }) }).verdict, 'allowed');
});

test('a change of metadata alone is allowed, also of a run that would be refused', () => {
  const object = run(invalid, { labels: { team: 'a' } });
  assert.is(reviewed({ object, before: run(invalid) }).verdict, 'allowed');
});

test('a change of the spec is judged as a new spec is', () => {
  const before = run(specOf({ image: 'busybox' }));
  assert.match(refusalOf(reviewed({ object: run(invalid, { generation: 4 }), before })) ?? '', nosuch);
  const other = run(specOf({ image: 'alpine', args: ['$(nosuch)'] }), { generation: 4 });
  assert.match(refusalOf(reviewed({ object: other, before: run(invalid) })) ?? '', nosuch);
});

test('a run that was stored before it was refused can still be cancelled and suspended', () => {
  for (const change of [{ cancel: true }, { suspend: true }]) {
    const object = run({ ...invalid, ...change }, { generation: 4 });
    const result = reviewed({ object, before: run(invalid) });
    assert.is(result.verdict, 'allowed');
    assert.match(JSON.stringify(responseOf(result)['warnings']), nosuch);
  }
});

test('a run that has its Job can be cancelled whatever the policy has become', () => {
  const spec = specOf({ image: 'busybox' });
  const policy = policyOf('images: [registry.example.org/]');
  const before = { ...run(spec), status: { jobName: 'segment-abc', phase: 'Running' } };
  const object = { ...before, ...run({ ...spec, cancel: true }, { generation: 4 }) };
  assert.is(reviewed({ object, before }, policy).verdict, 'allowed');
  assert.is(reviewed({ object: run(spec) }, policy).verdict, 'refused');
});

test('while the policy cannot be read, a valid run is stored with a warning, and an invalid one is refused', () => {
  const policy = { problem: 'is missing, and this installation requires it' };
  const waiting = reviewed({ object: run(specOf({ image: 'busybox' })) }, policy);
  assert.is(waiting.verdict, 'allowed');
  assert.match(JSON.stringify(responseOf(waiting)['warnings']), /The run waits.*is missing/);
  assert.match(refusalOf(reviewed({ object: run(invalid) }, policy)) ?? '', nosuch);
});

test('a policy that the controller could not read is refused, and one of another name gets a warning', () => {
  const ofPolicy = (name: string, spec: unknown) =>
    reviewed({ object: { metadata: { name, generation: 1 }, spec }, resource: policyPlural, name });
  assert.match(
    refusalOf(ofPolicy('default', { hostPaths: 'all' })) ?? '',
    /"default" is invalid: spec\.hostPaths/,
  );
  assert.match(refusalOf(ofPolicy('default', { future: true })) ?? '', /spec\.future/);
  assert.is(ofPolicy('default', {}).verdict, 'allowed');
  const other = ofPolicy('mine', {});
  assert.is(other.verdict, 'allowed');
  assert.match(JSON.stringify(responseOf(other)['warnings']), /has no effect/);
});

test.run();
