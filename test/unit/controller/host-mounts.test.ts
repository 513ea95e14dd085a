import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { hostMountsOf, volumeMountsOf, volumesOf } from '../../../src/controller/job/host-mounts.ts';
import { metadata, specOf } from '../../fixtures/builders.ts';
import { policyOf } from '../../fixtures/policies.ts';

const policy = policyOf(`hostPaths: [{pathPrefix: /srv/}, {pathPrefix: /data, readOnly: true}]
namespaces: [{names: [other], hostPaths: [{pathPrefix: /shared}]}, {names: [lab], hostPaths: [{pathPrefix: /shared/lab}]}]`);

/** Every mount of a host path as `directory of the policy | subPath | path in the worker`. */
function mountsOf(given: object, isCleanup = false) {
  const spec = specOf({ image: 'a', ...given });
  const { planned, mounts } = hostMountsOf({ spec, runUid: metadata.uid, isCleanup }, policy);
  const volumes = new Map(volumesOf(mounts).map(({ name, hostPath }) => [name, hostPath]));
  const seen = volumeMountsOf(mounts).map(
    ({ name, subPath, mountPath, readOnly }) =>
      `${volumes.get(name)?.path} | ${subPath} | ${mountPath}${readOnly === true ? ' ro' : ''}`,
  );
  return { planned, seen, volumes };
}

const bind = (hostPath: string) => ({
  volumes: [{ name: 'd', bindMount: { hostPath, containerPath: '/d', mode: 'rw' } }],
});

test('a path is mounted as a subPath of the directory that the policy allows', () => {
  const { seen, planned, volumes } = mountsOf(bind('/srv//a/./b/'.replace('./', '')));
  assert.equal(seen, ['/srv | . | /dockerrun/host-paths/0', '/srv | a/b | /dockerrun/volumes/d']);
  assert.is(volumes.get('volume-0')?.type, 'Directory');
  const place = { volume: 'volume-0', isMounted: true, baseDepth: 1, baseIndex: 0 };
  assert.equal(planned, [{ ...place, isStrict: false, hides: false }]);
});

test('the directory itself hides the temporary volumes of other runs, from the worker as well', () => {
  const { seen, planned } = mountsOf(bind('/srv'));
  assert.equal(seen, [
    '/srv | . | /dockerrun/host-paths/0',
    '/srv | . | /dockerrun/volumes/d',
    '/srv | .dockerrun-temporary | /dockerrun/hidden/volume-0 ro',
    'undefined | undefined | /dockerrun/volumes/d/.dockerrun-temporary ro',
  ]);
  assert.is(planned[0]?.hides, true);
});

test('a path that is only readable is mounted so, and hides nothing', () => {
  const spec = {
    volumes: [{ name: 'd', bindMount: { hostPath: '/data', containerPath: '/d', mode: 'ro' } }],
  };
  const { seen, planned } = mountsOf(spec);
  assert.equal(seen, ['/data | . | /dockerrun/host-paths/0', '/data | . | /dockerrun/volumes/d ro']);
  assert.is(planned[0]?.hides, false);
});

test('a temporary volume is a directory of its own beside the hostDir, which a cleanup does not create', () => {
  const spec = { volumes: [{ name: 't', temporary: { hostDir: '/srv/a' } }] };
  const { seen, volumes } = mountsOf(spec);
  assert.equal(seen, [
    '/srv | . | /dockerrun/host-paths/0',
    '/srv | a | /dockerrun/host-directories/0 ro',
    `/srv | .dockerrun-temporary/dockerrun-${metadata.uid}-t | /dockerrun/volumes/t`,
  ]);
  assert.is(volumes.get('volume-0')?.type, 'DirectoryOrCreate');
  assert.equal(mountsOf(spec, true).seen, ['/srv | . | /dockerrun/host-paths/0']);
});

test('dockerVolumes are mounted as well, but for an entry of the policy that no run can write to', () => {
  const dockerVolumes = { '/srv/a': { bind: '/a' }, '/data': { bind: '/b' }, '/data/x': { bind: '/c' } };
  const { seen, planned } = mountsOf({ dockerVolumes });
  assert.equal(seen, [
    '/srv | . | /dockerrun/host-paths/0',
    '/srv | a | /dockerrun/docker-volumes/0 ro',
    '/data | . | /dockerrun/host-paths/1',
    '/data | x | /dockerrun/docker-volumes/2 ro',
  ]);
  assert.equal(
    planned.map(({ isMounted }) => isMounted),
    [true, false, true],
  );
});

test('a path is strict inside of a directory that others may write to, or that has stricter entries', () => {
  const isStrict = (yaml: string, path: string) =>
    hostMountsOf(
      { spec: specOf({ image: 'a', ...bind(path) }), runUid: metadata.uid, isCleanup: false },
      policyOf(yaml, 'lab'),
    ).planned.map(({ baseDepth, isStrict: strict }) => `${baseDepth} ${strict}`)[0];
  const nested = 'hostPaths: [{pathPrefix: /srv}, {pathPrefix: /srv/raw, readOnly: true}]';
  assert.is(isStrict(nested, '/srv/x'), '1 true');
  const others = `namespaces: [{names: [other], hostPaths: [{pathPrefix: /srv}]}, {names: [lab], hostPaths: [{pathPrefix: /srv/lab}]}]`;
  assert.is(isStrict(others, '/srv/lab/x'), '1 true');
  assert.is(isStrict('hostPaths: [{pathPrefix: /srv}, {pathPrefix: /srv/x}]', '/srv/x/y'), '1 false');
  assert.is(isStrict('hostPaths: [{pathPrefix: /}]', '/srv/x/y'), '0 false');
});

test('a path that the policy does not allow any more is not mounted', () => {
  assert.equal(mountsOf(bind('/elsewhere')).seen, []);
});

test.run();
