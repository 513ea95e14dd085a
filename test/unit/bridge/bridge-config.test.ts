import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { parseBrokerAddresses, readBridgeConfig } from '../../../src/bridge/bridge-config.ts';

const settings = {
  queues: [{ queue: 'celery', namespace: 'lab' }],
  girderApiUrl: 'https://girder.example.org/api/v1',
};
const read = (given: object) =>
  readBridgeConfig({ DOCKERRUN_BRIDGE_SETTINGS: JSON.stringify({ ...settings, ...given }) });

function refusal(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    return String(error);
  }
  return 'nothing was refused';
}

test('the settings have defaults', () => {
  const config = read({});
  assert.is(config.maxRuns, 200);
  assert.is(config.foreignQueue, undefined);
  assert.equal(config.translation, { ...settings, pathMap: [], userLabel: true });
});

test('a setting that is wrong is refused by name', () => {
  assert.match(
    refusal(() => readBridgeConfig({})),
    /DOCKERRUN_BRIDGE_SETTINGS/,
  );
  assert.match(
    refusal(() => read({ queues: [] })),
    /bridge\.queues/,
  );
  assert.match(
    refusal(() => read({ queues: [{ queue: 'a', namespace: 'A' }] })),
    /bridge\.queues\.0\.namespace/,
  );
  assert.match(
    refusal(() => read({ girderApiUrl: 'ftp://x' })),
    /bridge\.girderApiUrl/,
  );
  assert.match(
    refusal(() => read({ unknown: 1 })),
    /bridge/,
  );
  assert.match(
    refusal(() => read({ queues: [...settings.queues, ...settings.queues] })),
    /celery twice/,
  );
  assert.match(
    refusal(() => read({ foreignQueue: 'celery' })),
    /bridge\.foreignQueue must not be one of/,
  );
});

test('addresses of the broker are read as Celery writes them', () => {
  const one = {
    protocol: 'amqp',
    hostname: 'rabbit',
    port: 5672,
    username: 'u',
    password: 'p@ss',
    vhost: '/',
  };
  assert.equal(parseBrokerAddresses('amqp://u:p%40ss@rabbit:5672//\n'), [one]);
  assert.equal(parseBrokerAddresses('pyamqp://u:p%40ss@rabbit//; amqps://u:p%40ss@other/girder'), [
    one,
    { ...one, protocol: 'amqps', hostname: 'other', port: 5671, vhost: 'girder' },
  ]);
  assert.equal(parseBrokerAddresses('amqp://[::1]/'), [
    { ...one, hostname: '::1', username: 'guest', password: 'guest' },
  ]);
});

test('a wrong address is refused without its password', () => {
  for (const address of ['', 'http://u:secret@x', 'amqp://u:secret@', 'u:secret@x', 'amqp://u:secret%@x'])
    assert.not.match(
      refusal(() => parseBrokerAddresses(address)),
      /secret|nothing was/,
      address,
    );
  assert.match(
    refusal(() => parseBrokerAddresses('redis://:secret@x')),
    /Redis.*RabbitMQ/,
  );
});

test.run();
