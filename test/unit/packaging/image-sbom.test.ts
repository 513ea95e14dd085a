import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { basePackages } from '../../../scripts/release/base-layer.ts';
import { lockedPackages } from '../../../scripts/bundled-packages.ts';
import { imageSbom } from '../../../scripts/release/image-sbom.ts';
import { spdxDocument } from '../../../scripts/sbom.ts';

type Relationship = { spdxElementId: string; relatedSpdxElement: string; relationshipType: string };
type Document = {
  SPDXID: string;
  documentDescribes: string[];
  packages: { SPDXID: string; name: string }[];
  relationships: Relationship[];
};

const program = spdxDocument({
  bundled: ['node_modules/axios'].map(lockedPackages()),
  node: { version: '24.0.0', license: 'MIT' },
  revision: 'abc',
  created: 0,
});
const digest = `sha256:${'a'.repeat(64)}`;
const text = imageSbom(JSON.stringify(program), {
  architecture: 'arm64',
  digest,
  packages: basePackages('arm64'),
});
const document = JSON.parse(text) as Document;

test('the document describes the image, which contains the program and the packages of Debian', () => {
  const [image = ''] = document.documentDescribes;
  const contained = document.relationships
    .filter((one) => one.spdxElementId === image && one.relationshipType === 'CONTAINS')
    .map(
      ({ relatedSpdxElement }) => document.packages.find(({ SPDXID }) => SPDXID === relatedSpdxElement)?.name,
    );
  assert.equal(contained, ['dockerrun', ...basePackages('arm64').map(({ name }) => name)]);
  const described = document.relationships.filter(({ relationshipType }) => relationshipType === 'DESCRIBES');
  assert.equal(
    described.map(({ relatedSpdxElement }) => relatedSpdxElement),
    [image],
  );
});

test('the program keeps its packages, and every id is there once', () => {
  const ids = document.packages.map(({ SPDXID }) => SPDXID);
  assert.is(new Set(ids).size, ids.length);
  for (const id of ids) assert.match(id, /^SPDXRef-[A-Za-z0-9.-]+$/);
  const ends = document.relationships.flatMap((one) => [one.spdxElementId, one.relatedSpdxElement]);
  assert.equal(
    ends.filter((id) => id !== document.SPDXID && !ids.includes(id)),
    [],
  );
  assert.ok(document.packages.some(({ name }) => name === 'axios'));
});

test('scanners find a package of Debian by its name, its version and its architecture', () => {
  assert.match(text, /"pkg:deb\/debian\/libstdc%2B%2B6@12\.\d[^"]*\?arch=arm64&distro=debian-12"/);
  assert.match(text, /"pkg:oci\/dockerrun@sha256%3Aa{64}\?arch=arm64&tag=/);
});

test('both architectures have the same versions, apart from rebuilds by Debian', () => {
  const versions = (of: 'amd64' | 'arm64') =>
    basePackages(of).map(({ name, version }) => `${name} ${version.replace(/\+b\d+$/, '')}`);
  assert.equal(versions('amd64'), versions('arm64'));
  for (const { sha256 } of [...basePackages('amd64'), ...basePackages('arm64')])
    assert.match(sha256, /^[0-9a-f]{64}$/);
});

test.run();
