import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { validateSpec } from '../../../src/api/validate/validate.ts';
import { parsePolicySpec, policyFor, refusedByPolicy } from '../../../src/controller/policy/policy.ts';
import { specOf } from '../../fixtures/builders.ts';
import { AdmissionLab, type Site } from './admission-lab.ts';
import { policyCases } from './policy-cases.ts';

let lab: AdmissionLab;
const sites: Site[] = [];

test.before(async () => {
  lab = await AdmissionLab.open();
  for (const { policy, suffix } of policyCases) sites.push(await lab.site(policy, suffix));
  await lab.ready();
});
test.after(async () => {
  await lab[Symbol.asyncDispose]();
});

/** What the controller says against a run. */
function controllerSays(
  { namespace, spec: policy }: Site,
  spec: unknown,
): { reason?: string; sentence?: string } {
  const refusal = refusedByPolicy(specOf(spec), policyFor(namespace, parsePolicySpec(policy)));
  return refusal === undefined ? {} : { reason: refusal.reason, sentence: refusal.sentence };
}

for (const [index, { policy, cases }] of policyCases.entries()) {
  for (const { what, spec, refused } of cases) {
    const verb = refused === undefined ? 'allow' : 'refuse';
    test(`${what}: the controller and the API server ${verb} it, under ${policy.split('\n')[0]}`, async () => {
      const site = sites[index];
      assert.ok(site);
      const run = { image: 'busybox', ...spec };
      const { reason, sentence } = controllerSays(site, run);
      assert.is(reason, refused);
      assert.is(await lab.refusal(site, run), sentence);
    });
  }
}

const texts = [
  ['a plain text', 'in=a', true],
  ['the volume that every run has', '--in=$(temporaryVolume)/a', true],
  ['a volume', '$(d)/x', true],
  ['a transform', '$(p)', true],
  ['a pipe of a connection', '$(piped)', true],
  ['a literal text', '$$(nothing)', true],
  ['what can be no name', '$(cat file) $() $(1)', true],
  ['what nothing declares', '$(d) and $(nothing)', false],
  ['what nothing declares after a literal dollar', '$$$(nothing)', false],
  ['a connection without a pipe', '$(told)', false],
] as const;

for (const [what, text, isKnown] of texts) {
  for (const field of ['command', 'args']) {
    test(`${what} in ${field}: the controller and the API server ${isKnown ? 'take' : 'refuse'} it`, async () => {
      const [site] = sites;
      assert.ok(site);
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
      assert.is(validateSpec(specOf(run)).length === 0, isKnown);
      const refusal = await lab.refusal(site, run);
      if (isKnown) assert.is(refusal, undefined);
      else assert.match(refusal ?? '', /is no volume or transform of this run/);
    });
  }
}

test.run();
