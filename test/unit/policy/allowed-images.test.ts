import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { imageReference, matchesImage } from '../../../src/policy/allowed-images.ts';
import { refusedByPolicy } from '../../../src/policy/policy.ts';
import { aSpec } from '../../fixtures/builders.ts';
import { policyOf } from '../../fixtures/policies.ts';

const digest = `@sha256:${'a'.repeat(64)}`;

for (const [image, whole] of [
  ['busybox', 'docker.io/library/busybox:latest'],
  ['busybox:1.36', 'docker.io/library/busybox:1.36'],
  ['team/tool', 'docker.io/team/tool:latest'],
  ['docker.io/busybox', 'docker.io/library/busybox:latest'],
  ['index.docker.io/busybox', 'docker.io/library/busybox:latest'],
  ['localhost/x', 'localhost/x:latest'],
  ['registry:5000/x/y', 'registry:5000/x/y:latest'],
  ['registry.example.org/x:1', 'registry.example.org/x:1'],
  [`busybox:1.36${digest}`, `docker.io/library/busybox${digest}`],
  ['Registry/x', 'Registry/x:latest'],
] as const) {
  test(`${image} is normalized to ${whole}`, () => {
    const { name, version } = imageReference(image) ?? { name: '', version: '' };
    assert.is(name + version, whole);
  });
}

const allowed: [pattern: string, image: string][] = [
  ['busybox', 'docker.io/library/busybox:1.36'],
  ['busybox', `busybox${digest}`],
  ['busybox:latest', 'busybox'],
  ['busybox:1.*', 'busybox:1.36'],
  [`busybox${digest}`, `busybox:1.36${digest}`],
  ['registry.example.org/', 'registry.example.org/a/b:1'],
  ['registry.example.org:5000/team/', 'registry.example.org:5000/team/a'],
  ['registry.example.org/*/tool', 'registry.example.org/a/tool'],
  ['*.example.org/**', 'registry.example.org/a/b'],
  ['team/', 'team/tool'],
  ['docker.io/', 'busybox'],
  ['docker.io/', 'team/tool'],
  ['docker.io/library/', 'busybox'],
  ['**', 'registry.example.org/a/b:1'],
  ['**/tool', 'registry.example.org/a/tool'],
];

const refused: [pattern: string, image: string][] = [
  ['busybox', 'registry.example.org/busybox'],
  ['busybox', 'busybox2'],
  ['busybox', 'team/busybox'],
  ['busybox:1.36', 'busybox'],
  ['busybox:1.36', `busybox:1.36${digest}`],
  ['busybox:1.*', 'busybox:1a36'],
  ['registry.example.org/', 'registry.example.org.evil.net/a'],
  ['registry.example.org/', 'registryXexample.org/a'],
  ['registry.example.org/', 'registry.example.org:5000/a'],
  ['registry.example.org/*', 'registry.example.org/a/b'],
  ['*.example.org/**', 'evil.net/x.example.org/a'],
  ['team/', 'team2/tool'],
  ['docker.io/', 'quay.io/tool'],
  ['docker.io/', 'Quay/tool'],
  ['**', 'sha256:8f3b1b4d9dca'],
  ['**', '8f3b1b4d9dca'],
  ['**', 'cafe'],
  ['**', 'a'.repeat(300)],
];

for (const [pattern, image] of allowed) {
  test(`${pattern} allows ${image}`, () => assert.ok(matchesImage(image, pattern)));
}

for (const [pattern, image] of refused) {
  test(`${pattern} does not allow ${image}`, () => assert.not(matchesImage(image, pattern)));
}

const refusal = (image: string, policy: string) => refusedByPolicy(aSpec({ image }), policyOf(policy));

test('any image is allowed unless the policy lists images', () => {
  assert.is(refusal('quay.io/x', ''), undefined);
  assert.is(refusal('quay.io/x', 'images: []')?.reason, 'ImageNotAllowed');
  assert.is(refusal('busybox', 'images: [registry.example.org/, busybox]'), undefined);
});

test('a refusal names the image as the policy compares it', () => {
  const { sentence = '' } = refusal('busybox', 'images: [registry.example.org/]') ?? {};
  assert.match(sentence, /^spec\.image: the policy does not allow docker\.io\/library\/busybox:latest\. /);
  assert.match(sentence, /images in the policy\.$/);
  assert.match(refusal('cafe', 'images: ["**"]')?.message ?? '', /the image ID cafe/);
});

test.run();
