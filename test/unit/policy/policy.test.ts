import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { parse } from 'yaml';
import type { DockerRunSpec } from '../../../src/api/spec.ts';
import { hostPathAccess } from '../../../src/policy/host-paths.ts';
import { parsePolicySpec, refusedByPolicy, withPolicyDefaults } from '../../../src/policy/policy.ts';
import { aSpec, specOf } from '../../fixtures/builders.ts';
import { policyOf } from '../../fixtures/policies.ts';

const data = { hostPaths: [{ pathPrefix: '/srv/data' }] };
const readOnly = { hostPaths: [{ pathPrefix: '/srv/data', readOnly: true }] };

const bind = (mode: 'rw' | 'ro', hostPath = '/srv/data/x'): Partial<DockerRunSpec> => ({
  volumes: [{ name: 'd', bindMount: { hostPath, containerPath: '/d', mode } }],
});

test('without a policy no host path is allowed', () => {
  for (const path of ['/', '/srv', '/srv/data']) assert.is(hostPathAccess({}, path), 'none');
  assert.is(hostPathAccess({ hostPaths: [] }, '/srv'), 'none');
});

test('a prefix allows the directory and everything below it, by whole components', () => {
  for (const path of ['/srv/data', '/srv/data/', '/srv/data/x/y', '/srv//data/x'])
    assert.is(hostPathAccess(data, path), 'rw', path);
  for (const path of ['/srv/database', '/srv', '/', '/data', '/srv/data.old', '/x/srv/data'])
    assert.is(hostPathAccess(data, path), 'none', path);
});

test('a slash at the end of a prefix is ignored', () => {
  const slash = { hostPaths: [{ pathPrefix: '/srv/data/' }] };
  assert.is(hostPathAccess(slash, '/srv/data'), 'rw');
  assert.is(hostPathAccess(slash, '/srv/database'), 'none');
});

test('a path with .. is never allowed', () => {
  for (const path of ['/srv/data/../../etc', '/srv/data/..', '/srv/data/x/../y'])
    assert.is(hostPathAccess(data, path), 'none', path);
});

test('the root as a prefix allows every path', () => {
  assert.is(hostPathAccess({ hostPaths: [{ pathPrefix: '/' }] }, '/etc/x'), 'rw');
});

test('an allowed path is below a prefix after it is resolved', () => {
  const part = fc.constantFrom('srv', 'data', 'database', '..', '.', '', 'x');
  fc.assert(
    fc.property(fc.array(part, { maxLength: 8 }), (parts) => {
      const path = `/${parts.join('/')}`;
      if (hostPathAccess(data, path) === 'none') return;
      const { pathname } = new URL(`file://${path.replace(/\/{2,}/g, '/')}`);
      assert.ok(`${pathname}/`.startsWith('/srv/data/'), path);
    }),
  );
});

test('a path with read access cannot be mounted for writing', () => {
  assert.is(refusedByPolicy(aSpec(bind('ro')), readOnly), undefined);
  const refusal = refusedByPolicy(aSpec(bind('rw')), readOnly);
  assert.is(refusal?.reason, 'HostPathNotAllowed');
  assert.match(
    refusal?.message ?? '',
    /^spec\.volumes: d: .* only read access to \/srv\/data\/x .* writes to it/,
  );
});

test('a download into a volume writes to it, even if the target may only read it', () => {
  const transforms = [
    { name: 'ct', girderFileIdToVolume: { fileId: '5f0c0000000000000000000a', volume: 'd' } },
  ];
  assert.is(refusedByPolicy(aSpec({ ...bind('ro'), transforms }), readOnly)?.reason, 'HostPathNotAllowed');
  assert.is(refusedByPolicy(aSpec({ ...bind('ro'), transforms }), data), undefined);
});

test('pipes and downloads of every kind write to their volume', () => {
  const id = '5f0c0000000000000000000a';
  const pipe = { name: 'p', volume: 'd' };
  for (const transform of [
    { girderItemIdToVolume: { itemId: id, volume: 'd' } },
    { girderFolderIdToVolume: { folderId: id, volume: 'd' } },
    { progressPipe: pipe },
    { connect: { input: { namedOutputPipe: pipe }, output: { hostStdOut: {} } } },
    { connect: { input: { girderFileIdToStream: { fileId: id } }, output: { namedInputPipe: pipe } } },
  ]) {
    const transforms = [{ name: 'x', ...transform }];
    const refusal = refusedByPolicy(aSpec({ ...bind('ro'), transforms }), readOnly);
    assert.is(refusal?.reason, 'HostPathNotAllowed', JSON.stringify(transform));
  }
});

test('a hook that deletes what it uploaded writes to its volume', () => {
  const deleting = (volumePath: string, deleteFile: boolean) => {
    const { girderResultHooks = [] } = specOf({
      image: 'busybox',
      girderResultHooks: [
        { girderUploadVolumePathToItem: { volumePath, itemId: '5f0c0000000000000000000a', deleteFile } },
      ],
    });
    const transforms = [{ name: 'out', volumePath: { filename: 'out', volume: 'd' } }];
    return aSpec({ ...bind('ro'), transforms, girderResultHooks });
  };
  for (const volumePath of ['d', 'out']) {
    assert.is(refusedByPolicy(deleting(volumePath, true), readOnly)?.reason, 'HostPathNotAllowed');
    assert.is(refusedByPolicy(deleting(volumePath, false), readOnly), undefined);
    assert.is(refusedByPolicy(deleting(volumePath, true), data), undefined);
  }
});

test('a temporary volume in a directory of the node needs write access to it', () => {
  const inside = aSpec({ volumes: [{ name: 't', temporary: { hostDir: '/srv/data/scratch' } }] });
  assert.is(refusedByPolicy(inside, data), undefined);
  assert.is(refusedByPolicy(inside, readOnly)?.reason, 'HostPathNotAllowed');
  assert.is(refusedByPolicy(inside, {})?.reason, 'HostPathNotAllowed');
  assert.is(refusedByPolicy(aSpec({ volumes: [{ name: 't', temporary: {} }] }), {}), undefined);
});

test('the policy applies to dockerVolumes', () => {
  const dockerVolumes = (mode: 'rw' | 'ro', path: string) =>
    aSpec({ dockerVolumes: { [path]: { bind: '/d', mode } } });
  assert.is(refusedByPolicy(dockerVolumes('ro', '/srv/data'), readOnly), undefined);
  assert.is(refusedByPolicy(dockerVolumes('rw', '/srv/data'), readOnly)?.reason, 'HostPathNotAllowed');
  assert.match(
    refusedByPolicy(dockerVolumes('ro', '/etc'), data)?.message ?? '',
    /does not allow access to \/etc/,
  );
});

test('any address of Girder is allowed unless the policy lists addresses', () => {
  const girder = { apiUrl: 'https://data.example.org/api/v1', credentialsSecretRef: { name: 's' } };
  const allow = (...girderApiUrls: string[]) => refusedByPolicy(aSpec({ girder }), { girderApiUrls })?.reason;
  assert.is(refusedByPolicy(aSpec({ girder }), {}), undefined);
  assert.is(allow('https://data.example.org/api/v1'), undefined);
  assert.is(allow('https://other.example.org/api/v1', 'https://data.example.org/api/v1/'), undefined);
  for (const other of ['https://data.example.org', 'http://data.example.org/api/v1'])
    assert.is(allow(other), 'GirderAddressNotAllowed', other);
  assert.is(allow(), 'GirderAddressNotAllowed');
});

test('any stream URL is allowed unless the policy lists URLs, and then only those below them', () => {
  const stream = (url: string) =>
    aSpec({
      transforms: [
        {
          name: 'out',
          connect: { input: { containerStdOut: {} }, output: { chunkedTransferEncodingStream: { url } } },
        },
      ],
    });
  const streamUrls = ['https://ingest.example.org/streams/'];
  const allow = (url: string) => refusedByPolicy(stream(url), { streamUrls })?.reason;
  assert.is(refusedByPolicy(stream('http://169.254.169.254/'), {}), undefined);
  assert.is(allow('https://ingest.example.org/streams'), undefined);
  assert.is(allow('https://ingest.example.org/streams/a?b=c'), undefined);
  for (const other of [
    'https://ingest.example.org/streams2',
    'https://ingest.example.org/streams/../admin',
    'http://ingest.example.org/streams',
    'https://ingest.example.org@evil.example/streams',
    'https://ingest.example.org:8443/streams',
  ]) {
    assert.is(allow(other), 'StreamAddressNotAllowed', other);
  }
});

test('the Docker defaults of the policy apply unless the run sets them', () => {
  const policy = policyOf('dockerDefaults: {dns: [10.0.0.53], shmSize: 1g}');
  assert.equal(withPolicyDefaults(aSpec(), policy).docker, { dns: ['10.0.0.53'], shmSize: '1g' });
  const run = aSpec({ docker: { shmSize: '2g' } });
  assert.equal(withPolicyDefaults(run, policy).docker, { dns: ['10.0.0.53'], shmSize: '2g' });
  assert.equal(withPolicyDefaults(run, {}), run);
});

test('a run that sets its network does not get the default network of the policy', () => {
  const policy = policyOf('dockerDefaults: {networkMode: bridge, dns: [10.0.0.53]}');
  const isolated = aSpec({ docker: { network: 'none' } });
  assert.equal(withPolicyDefaults(isolated, policy).docker, { network: 'none', dns: ['10.0.0.53'] });
});

test('a run that does not use Girder needs no address', () => {
  assert.is(refusedByPolicy(aSpec(), { girderApiUrls: [] }), undefined);
});

test('a valid policy is parsed, and an empty one allows nothing', () => {
  const spec = { hostPaths: [{ pathPrefix: '/srv', readOnly: true }] };
  assert.equal(parsePolicySpec(spec), spec);
  assert.equal(parsePolicySpec({}), {});
});

for (const [what, text] of [
  ['an unknown field', 'hostpaths: []'],
  ['an unknown field of a path', 'hostPaths: [{pathPrefix: /srv, readonly: true}]'],
  ['a relative path', 'hostPaths: [{pathPrefix: srv}]'],
  ['a path that is not an object', 'hostPaths: [/srv]'],
  ['an invalid address', 'girderApiUrls: [data.example.org]'],
  ['a Docker option that is never dangerous', 'dockerOptions: [{option: user}]'],
  ['a Docker option in the wrong case', 'dockerOptions: [{option: ipcmode}]'],
  ['an unknown field of an option', 'dockerOptions: [{option: ipcMode, value: host}]'],
  ['an empty image', "images: ['']"],
  ['an unknown default', 'dockerDefaults: {shmsize: 1g}'],
  ['a text in place of an object', 'everything'],
  ['an unknown field of a namespace', 'namespaces: [{names: [a], hostpaths: []}]'],
  ['a namespace without names', 'namespaces: [{hostPaths: []}]'],
  ['a path with ..', 'hostPaths: [{pathPrefix: /srv/../etc}]'],
  ['an address with a user', 'streamUrls: ["https://a@example.org/"]'],
  ['a value that is neither text nor number', 'dockerOptions: [{option: privileged, values: [true]}]'],
] as const) {
  test(`a policy with ${what} is an error, never a silent permission`, () => {
    assert.throws(
      () => parsePolicySpec(parse(text)),
      (error: unknown) => error instanceof Error,
    );
  });
}

test.run();
