import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { paths } from '../../../src/kube/paths.ts';

test('a path without a namespace is that of the whole cluster', () => {
  assert.is(paths.dockerRuns(), '/apis/dockerrun.dev/v1alpha1/dockerruns');
  assert.is(paths.dockerRuns('lab'), '/apis/dockerrun.dev/v1alpha1/namespaces/lab/dockerruns');
  assert.is(paths.jobs('lab'), '/apis/batch/v1/namespaces/lab/jobs');
  assert.is(paths.pods(), '/api/v1/pods');
});

test.run();
