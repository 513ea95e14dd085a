import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { verbAndResource } from '../../../src/kube/connection.ts';

test('a request is named by its verb and resource, never by an object', () => {
  const runs = '/apis/dockerrun.dev/v1alpha1';
  const cases: [string, string, string][] = [
    ['GET', `${runs}/dockerruns`, 'list dockerruns'],
    ['GET', `${runs}/namespaces/lab/dockerruns`, 'list dockerruns'],
    ['GET', `${runs}/namespaces/lab/dockerruns/secret-name`, 'get dockerruns'],
    ['PATCH', `${runs}/namespaces/lab/dockerruns/x/status`, 'patch dockerruns/status'],
    ['POST', '/apis/batch/v1/namespaces/lab/jobs', 'create jobs'],
    ['DELETE', '/apis/batch/v1/namespaces/lab/jobs/x', 'delete jobs'],
    ['PUT', '/apis/coordination.k8s.io/v1/namespaces/lab/leases/x', 'update leases'],
    ['GET', '/api/v1/pods', 'list pods'],
    ['GET', '/api/v1/namespaces', 'list namespaces'],
    ['GET', '/api/v1/namespaces/lab', 'get namespaces'],
    ['GET', '/api/v1/namespaces/lab/configmaps/policy', 'get configmaps'],
  ];
  for (const [method, path, name] of cases) {
    const { verb, resource } = verbAndResource({ method, path });
    assert.is(`${verb} ${resource}`, name);
  }
  const watch = { method: 'GET', path: '/api/v1/pods', query: { watch: 'true' } };
  assert.equal(verbAndResource(watch), { verb: 'watch', resource: 'pods' });
});

test.run();
