import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { setPlural } from '../../../src/api/names.ts';
import type { DockerRunSetSpec } from '../../../src/api/set/set-spec.ts';
import { review } from '../../../src/controller/admission/review.ts';
import { maxTemplateBytes } from '../../../src/controller/set/decide/chunk-run.ts';
import { setRefusal } from '../../../src/controller/set/decide/set-refusal.ts';
import { recordAt, textAt } from '../../../src/kube/json.ts';
import type { Policy } from '../../../src/policy/policy.ts';
import { aReview } from '../../fixtures/admission-reviews.ts';
import { workerConfig } from '../../fixtures/builders.ts';
import { aSet, aSetSpec } from '../../fixtures/builders-set.ts';

const { template } = aSetSpec();
const withTemplate = (over: object) => aSetSpec({ template: { spec: { ...template.spec, ...over } } });

function refusalOf(spec: DockerRunSetSpec, policy: Policy = {}): string {
  const refusal = setRefusal(aSet({ spec }), policy);
  return refusal === undefined ? 'accepted' : `${refusal.reason}: ${refusal.message}`;
}

const invalid = withTemplate({ args: ['$(missing)'] });

const cases: readonly [string, DockerRunSetSpec, Policy, RegExp][] = [
  ['a valid set', aSetSpec(), {}, /^accepted$/],
  ['an unknown name', invalid, {}, /^InvalidSpec: spec\.template\.spec\.args\[0\]: \$\(missing\)/],
  [
    'an image',
    aSetSpec(),
    { images: ['other.example.org/**'] },
    /^ImageNotAllowed: spec\.template\.spec\.image/,
  ],
  [
    'a Girder, which is a field of the set itself',
    aSetSpec(),
    { girderApiUrls: ['https://other.example.org/api/v1'] },
    /^GirderAddressNotAllowed: spec\.girder\.apiUrl/,
  ],
  [
    'a deadline',
    withTemplate({ activeDeadlineSeconds: 100 }),
    { max: { activeDeadlineSeconds: 10 } },
    /^PolicyBoundExceeded: spec\.template\.spec\.activeDeadlineSeconds/,
  ],
  [
    'a cron',
    aSetSpec({ schedule: { cron: '99 * * * *' } }),
    {},
    /^InvalidSpec: spec\.schedule: "99 \* \* \* \*"/,
  ],
  [
    'a time zone',
    aSetSpec({ schedule: { cron: '0 2 * * *', timeZone: 'Europe/Nowhere' } }),
    {},
    /^InvalidSpec: spec\.schedule: .*Europe\/Nowhere/,
  ],
  ['no time', aSetSpec({ watch: { every: '0m' } }), {}, /^InvalidSpec: spec\.watch\.every/],
  [
    'a large template',
    withTemplate({ args: Array.from({ length: 3 }, () => 'x'.repeat(maxTemplateBytes / 3)) }),
    {},
    /^InvalidSpec: spec\.template\.spec: it has \d+ bytes/,
  ],
];

for (const [what, spec, policy, expected] of cases)
  test(`the controller says about ${what} what is wrong and where`, () => {
    assert.match(refusalOf(spec, policy), expected);
  });

test('a changed policy changes the verdict, although the spec is the same object', () => {
  const spec = aSetSpec();
  assert.is(refusalOf(spec), 'accepted');
  assert.match(refusalOf(spec, { images: [] }), /^ImageNotAllowed/);
  assert.is(refusalOf(spec), 'accepted');
});

function reviewed(spec: unknown, before?: unknown): { allowed: unknown; message: string | undefined } {
  const metadata = { name: 'nuclei', namespace: 'pathology', generation: 2 };
  const body = aReview({
    object: { metadata, spec },
    ...(before === undefined ? {} : { before: { metadata: { ...metadata, generation: 1 }, spec: before } }),
    resource: setPlural,
  });
  const result = review(body, { policyIn: () => ({}), worker: workerConfig });
  const response = recordAt('answer' in result ? result.answer : {}, 'response');
  return { allowed: response['allowed'], message: textAt(recordAt(response, 'status'), 'message') };
}

test('the webhook refuses what the controller refuses, at creation and at each change', () => {
  assert.is(reviewed(aSetSpec()).allowed, true);
  const { allowed, message } = reviewed(invalid);
  assert.is(allowed, false);
  assert.match(message ?? '', /spec\.template\.spec\.args\[0\]/);
  assert.is(reviewed(invalid, aSetSpec()).allowed, false);
});

test('a set that is refused can be suspended, cancelled, and changed in something else', () => {
  assert.is(reviewed({ ...invalid, cancel: true }, invalid).allowed, true);
  assert.is(reviewed({ ...invalid, suspend: true }, aSetSpec()).allowed, true);
  assert.is(reviewed({ ...invalid, parallelism: 3 }, invalid).allowed, true);
});

test.run();
