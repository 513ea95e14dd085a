import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { allowancesFor } from '../../../src/policy/policy.ts';
import type { PolicySpec } from '../../../src/policy/policy-schema.ts';

const [everywhere, scratch] = [{ pathPrefix: '/srv/data', readOnly: true }, { pathPrefix: '/srv/scratch' }];

test('a permission for all runs applies in every namespace', () => {
  const spec: PolicySpec = {
    hostPaths: [everywhere],
    namespaces: [{ names: ['lab'], hostPaths: [scratch] }],
  };
  assert.equal(allowancesFor('other', spec), { hostPaths: [everywhere] });
  assert.equal(allowancesFor('lab', spec), { hostPaths: [everywhere, scratch] });
});

test('* in the name of a namespace matches any text, and the name matches as a whole', () => {
  const spec: PolicySpec = { namespaces: [{ names: ['imaging-*', 'x*y'], hostPaths: [scratch] }] };
  const matches = (namespace: string) => allowancesFor(namespace, spec).hostPaths !== undefined;
  for (const namespace of ['imaging-', 'imaging-a', 'imaging-a-b', 'xy', 'x-1-y'])
    assert.ok(matches(namespace));
  for (const namespace of ['imaging', 'my-imaging-a', 'xyz', 'axy'])
    assert.not(matches(namespace), namespace);
});

test('a list that restricts allows what any matching entry lists', () => {
  const spec: PolicySpec = {
    images: ['busybox'],
    namespaces: [
      { names: ['lab'], images: ['team/'], girderApiUrls: ['https://a.example.org'] },
      { names: ['*'], streamUrls: [] },
    ],
  };
  assert.equal(allowancesFor('other', spec), { images: ['busybox'], streamUrls: [] });
  assert.equal(allowancesFor('lab', spec), {
    images: ['busybox', 'team/'],
    girderApiUrls: ['https://a.example.org'],
    streamUrls: [],
  });
});

test('the last default of an option wins, and a network replaces any other', () => {
  const spec: PolicySpec = {
    dockerDefaults: { dns: ['10.0.0.53'], networkMode: 'bridge', shmSize: '64m' },
    namespaces: [
      { names: ['lab'], dockerDefaults: { shmSize: '1g', network: 'none' } },
      { names: ['*'], dockerDefaults: { init: true } },
    ],
  };
  const { dockerDefaults } = allowancesFor('lab', spec);
  assert.equal(dockerDefaults, { dns: ['10.0.0.53'], shmSize: '1g', network: 'none', init: true });
  assert.is(allowancesFor('other', spec).dockerDefaults?.networkMode, 'bridge');
});

test.run();
