import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { firewallLines } from '../../cluster/teardown/snapshot.ts';

test('a snapshot has rules and user-defined chains, without counters, comments and empty built-in chains', () => {
  const dump = '# made today\n*nat\n:OUTPUT ACCEPT [5:300]\n:MINE - [0:0]\n-A OUTPUT -j MINE\nCOMMIT\n';
  assert.equal(firewallLines('ipv4', dump), ['ipv4 nat -A OUTPUT -j MINE', 'ipv4 nat :MINE']);
});

test.run();
