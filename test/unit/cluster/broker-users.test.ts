import { createHash } from 'node:crypto';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { brokerDefinitions } from '../../cluster/setup/broker-users.ts';
import { pageBlock } from '../../fixtures/page-blocks.ts';

type Definitions = {
  readonly users: readonly {
    readonly name: string;
    readonly password_hash: string;
    readonly tags: string[];
  }[];
  readonly permissions: readonly {
    readonly user: string;
    readonly configure: string;
    readonly write: string;
    readonly read: string;
  }[];
};

const definitions = () => brokerDefinitions((user) => `the password of ${user}`) as Definitions;

test('a password is stored as RabbitMQ checks it: the salt, then the SHA-256 of salt and password', () => {
  const [girder] = definitions().users;
  const bytes = Buffer.from(girder?.password_hash ?? '', 'base64');
  const salted = Buffer.concat([bytes.subarray(0, 4), Buffer.from('the password of girder')]);
  assert.ok(bytes.subarray(4).equals(createHash('sha256').update(salted).digest()));
});

test('the same passwords make the same file, so that a broker is not restarted for it', () => {
  assert.equal(definitions(), definitions());
});

test('the bridge makes no queue of Girder and publishes to no exchange of Girder', () => {
  const bridge = definitions().permissions.find(({ user }) => user === 'bridge');
  const allows = (pattern = '', name = '') => new RegExp(pattern).test(name);
  assert.not.ok(allows(bridge?.configure, 'celery'));
  assert.not.ok(allows(bridge?.write, 'celery.pidbox'));
  assert.ok(allows(bridge?.write, 'reply.celery.pidbox'));
  assert.ok(allows(bridge?.configure, 'dockerrun@one.celery.pidbox'));
  assert.equal(definitions().users.find(({ name }) => name === 'bridge')?.tags, []);
});

test('the bridge of the tests has the rights of the page, and no others', () => {
  const bridge = definitions().permissions.find(({ user }) => user === 'bridge');
  const lines = pageBlock('docs/bridge.md', 'rabbitmqctl set_permissions');
  const shown = [...lines.matchAll(/'([^']+)'/g)].map(([, pattern]) => pattern);
  assert.equal(shown, [bridge?.configure, bridge?.write, bridge?.read]);
});

test.run();
