import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { apiVersion, kind } from '../../../src/api/names.ts';
import { requestJson } from '../../../src/kube/request.ts';
import { paths } from '../../../src/kube/resources.ts';
import { type ControlPlane, startControlPlane } from '../../fixtures/control-plane.ts';
import { AdmissionLab, type Site } from './admission-lab.ts';

/** Of its own, since no controller may touch the run. */
let plane: ControlPlane;
let lab: AdmissionLab;
let changing: Site;

test.before(async () => {
  plane = await startControlPlane();
  lab = await AdmissionLab.open(plane.client.connection);
  changing = await lab.site('{}');
  await lab.ready();
});
test.after(async () => {
  await plane[Symbol.asyncDispose]();
});

const signal = () => AbortSignal.timeout(30_000);
const run = 'kept';
const finalizer = 'dockerrun.dev/test-admission';

/** What `kubectl patch` of the run, or of a part of it, is told. */
const patched = (change: object, part = '') =>
  lab.refusalOf({
    method: 'PATCH',
    path: `${paths.dockerRuns(changing.namespace)}/${run}${part}`,
    contentType: 'application/merge-patch+json',
    body: change,
  });

test('a change of the policy counts within seconds, and stops nothing but new runs and changes of what they use', async () => {
  const path = paths.dockerRuns(changing.namespace);
  const metadata = { name: run, finalizers: [finalizer] };
  const body = { apiVersion, kind, metadata, spec: { image: 'busybox', suspend: true } };
  await requestJson(lab.connection, { method: 'POST', path, body, signal: signal() });
  try {
    await lab.change(changing, { images: ['alpine'] });
    const waited = await lab.until(changing, { image: 'busybox' }, (refusal) => refusal !== undefined);
    assert.ok(waited < 30_000, `it counted after ${waited} ms`);

    assert.match(
      (await patched({ spec: { image: 'busybox:2' } })) ?? '',
      /^spec\.image: the policy does not allow/,
    );
    assert.is(await patched({ metadata: { labels: { a: 'b' } } }), undefined);
    assert.is(await patched({ spec: { suspend: false } }), undefined);
    assert.is(await patched({ status: { message: 'as the controller does' } }, '/status'), undefined);

    await requestJson(lab.connection, { method: 'DELETE', path: `${path}/${run}`, signal: signal() });
    assert.is(await patched({ metadata: { finalizers: [] }, spec: { image: 'busybox:2' } }), undefined);
  } finally {
    await requestJson(lab.connection, {
      ...{
        method: 'PATCH',
        path: `${path}/${run}`,
        contentType: 'application/merge-patch+json',
        signal: signal(),
      },
      body: { metadata: { finalizers: [] } },
    });
  }
});

test('without a policy every run can be made, and the controller decides', async () => {
  const site = await lab.site('{}');
  const dangerous = { image: 'busybox', docker: { privileged: true } };
  await lab.until(site, dangerous, (refusal) => refusal !== undefined);
  await requestJson(lab.connection, {
    method: 'DELETE',
    path: `${paths.policies()}/${site.namespace}`,
    signal: signal(),
  });
  await lab.until(site, dangerous, (refusal) => refusal === undefined);
});

test.run();
