import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { isOwnLink, withoutOwnRules } from '../../cluster/teardown/own-network.ts';

test('firewall rules and chains of Kubernetes, CNI and Docker are removed, and all others stay', () => {
  const dump = [
    '*filter',
    ':INPUT ACCEPT [0:0]',
    ':KUBE-SERVICES - [0:0]',
    ':DOCKER-USER - [0:0]',
    ':fail2ban - [0:0]',
    '-A INPUT -j KUBE-SERVICES',
    '-A INPUT -p tcp --dport 22 -j fail2ban',
    '-A FORWARD -s 10.244.0.0/16 -m comment --comment dockerrun-cluster -j ACCEPT',
    '-A FORWARD -o drdocker0 -j ACCEPT',
    'COMMIT',
    '',
  ].join('\n');
  const rest = [
    '*filter',
    ':INPUT ACCEPT [0:0]',
    ':fail2ban - [0:0]',
    '-A INPUT -p tcp --dport 22 -j fail2ban',
    'COMMIT',
    '',
  ];
  assert.is(withoutOwnRules(dump), rest.join('\n'));
});

test('a dump without rules of the cluster is returned unchanged', () => {
  const dump = '*nat\n:PREROUTING ACCEPT [1:2]\n-A PREROUTING -d 110.244.0.1/32 -j ACCEPT\nCOMMIT\n';
  assert.is(withoutOwnRules(dump), dump);
});

test('bridges and veth pairs of the cluster are distinguished from the machine’s own links', () => {
  for (const name of ['cni0', 'drdocker0', 'veth12ab34cd', 'br-0123456789ab', 'drnode2', 'drnode2-uml'])
    assert.ok(isOwnLink(name), name);
  for (const name of ['eth0', 'lo', 'docker0', 'br-lan', 'cni0x']) assert.not.ok(isOwnLink(name), name);
});

test.run();
