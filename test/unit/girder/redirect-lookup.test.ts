import type { LookupAddress } from 'node:dns';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { guardedLookup, RedirectRefused } from '../../../src/girder/http/redirect.ts';

type Resolved = { error: Error | null; address: string | LookupAddress[]; family: number | undefined };

/** Resolves a name that has these addresses. */
function resolved(addresses: readonly string[], all: boolean): Promise<Resolved> {
  const lookup = guardedLookup((_, options, done) => {
    assert.is(options.all, true, 'every address is checked');
    done(
      null,
      addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
    );
  });
  return new Promise((resolve) =>
    lookup('store.example.com', { all }, (error, address, family) => resolve({ error, address, family })),
  );
}

test('a name is refused when any of its addresses belongs to the node or to a metadata service', async () => {
  for (const address of ['127.0.1.1', '0.0.0.0', '169.254.169.254', '::1', 'fe80::1%eth0', 'fd00:ec2::254'])
    for (const all of [true, false]) {
      const { error } = await resolved(['192.0.2.1', address], all);
      assert.instance(error, RedirectRefused);
      assert.match(error?.message ?? '', new RegExp(`to store.example.com, which is ${address}`));
    }
});

test('other addresses are returned, one or all as requested', async () => {
  const addresses = ['10.0.0.7', 'fd12::1'];
  assert.equal((await resolved(addresses, true)).address, [
    { address: '10.0.0.7', family: 4 },
    { address: 'fd12::1', family: 6 },
  ]);
  assert.equal(await resolved(addresses, false), { error: null, address: '10.0.0.7', family: 4 });
});

test('a name without an address fails, and a failed lookup keeps its error', async () => {
  assert.match((await resolved([], true)).error?.message ?? '', /no address/);
  const lookup = guardedLookup((_, __, done) => done(new Error('ENOTFOUND'), []));
  const error = await new Promise((resolve) => lookup('nosuch', {}, resolve));
  assert.is((error as Error).message, 'ENOTFOUND');
});

test.run();
