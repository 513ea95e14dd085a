import { test } from '../../fixtures/suite.ts';
import * as assert from 'uvu/assert';
import { type ControlPlane, startControlPlane } from '../../fixtures/control-plane.ts';
import { until } from '../../fixtures/until.ts';
import { CacheUnderTest } from './cache-under-test.ts';
import { poison } from './watched.ts';

/** Events that are lost with a connection must be in the cache within this time. */
const resumedMs = 2_000;

let plane: ControlPlane;
test.before(async () => void (plane = await startControlPlane()));
test.after(() => plane.close());

/** Checks the waits between requests; how long the answers take depends on the machine. */
function assertResumedSoon({ watched: { waits } }: CacheUnderTest): void {
  const sum = waits.reduce((all, one) => all + one, 0);
  assert.ok(waits.length > 0 && sum < resumedMs, `waited ${waits.join(' and ')} ms`);
}

const watching = () => CacheUnderTest.watching(plane);

test('after a reset connection the watch resumes within 2 s without a list, and reports each change once', async () => {
  await using subject = await watching();
  const { watched } = subject;
  subject.proxy.watches()[0]?.reset();
  const changes = [await subject.change('a', 'two'), await subject.create('c', 'one')];
  await subject.delete('b');
  await subject.holds('a=two,c=one');
  assertResumedSoon(subject);
  assert.equal(watched.notifications, ['interrupted reset', 'watching']);
  assert.equal(
    watched.changes.filter((change) => !change.startsWith('b@')),
    changes,
  );
  assert.is(watched.changes.length, 3);
});

test('a load balancer that drops every connection, also the idle ones, loses no event', async () => {
  await using subject = await watching();
  subject.proxy.resetAll();
  await subject.change('a', 'two');
  await subject.holds('a=two,b=one');
  assertResumedSoon(subject);
  assert.not.ok(subject.watched.notifications.some((entry) => entry.startsWith('listed')));
});

test('an event whose connection breaks in the middle arrives whole, and once', async () => {
  await using subject = await watching();
  subject.proxy.watches()[0]?.cutNext();
  const change = await subject.change('a', 'two');
  await subject.holds('a=two,b=one');
  assertResumedSoon(subject);
  assert.equal(subject.watched.changes, [change]);
  assert.equal(subject.watched.notifications, ['interrupted reset', 'watching']);
});

test('after a line that is not an event the watch resumes from the last event', async () => {
  await using subject = await watching();
  subject.proxy.watches()[0]?.garble();
  const change = await subject.change('a', 'two');
  await subject.holds('a=two,b=one');
  assert.equal(subject.watched.changes, [change]);
  assert.equal(subject.watched.notifications, ['interrupted unreadable', 'watching']);
});

test('repeated lines that are not events lead to a new list', async () => {
  await using subject = await watching();
  for (const times of [1, 2]) {
    await until('the cache watches', () => subject.watched.cache.connected);
    subject.proxy.watches()[0]?.garble();
    await until(
      'the cache has counted the failure',
      () => subject.watched.notifications.filter((entry) => entry.includes('unre')).length === times,
    );
  }
  await until('the cache lists again', () => subject.watched.notifications, {
    holds: (all) => all.includes('listed 2'),
  });
  assert.equal(subject.watched.changes, [], 'objects that have not changed are not reported');
});

const tooOld = { status: 410, reason: 'Expired' };

test('after 410 Gone as an answer the new list shows what was deleted, changed and recreated in the gap', async () => {
  await using subject = await watching();
  const { watched, proxy } = subject;
  const gone: string[] = [];
  watched.onChange = (item) => {
    if (watched.cache.get(`x/${item.name}`) === undefined) gone.push(item.value);
  };
  const [watch] = proxy.watches();
  for (let count = 0; count < 3; count += 1) watch?.dropNext();
  await subject.delete('a');
  const again = await subject.create('a', 'again');
  await subject.delete('b');
  await until('the events are dropped', () => watch?.isDone === true);
  proxy.fail('watch', 'configmaps', tooOld);
  watch?.reset();
  await subject.holds('a=again');
  assert.equal(watched.notifications.slice(0, 3), ['interrupted reset', 'interrupted expired', 'listed 1']);
  assert.equal(watched.changes.slice(-1), [again]);
  assert.is(watched.changes.length, 3, 'the old a, the old b, the new a');
});

test('after 410 Gone in an open watch the new list recovers an event that was dropped before', async () => {
  await using subject = await watching();
  const [watch] = subject.proxy.watches();
  watch?.dropNext();
  await subject.delete('b');
  await until('the event is dropped', () => watch?.isDone === true);
  watch?.expire();
  await subject.holds('a=one');
  assertResumedSoon(subject);
  assert.is(subject.watched.changes.length, 1);
  assert.equal(subject.watched.notifications.slice(0, 2), ['interrupted expired', 'listed 1']);
});

test('after 429 no request is sent until Retry-After is over, and no event is lost', async () => {
  await using subject = await watching();
  subject.proxy.fail('watch', 'configmaps', { status: 429, reason: 'TooManyRequests', retryAfter: 5 });
  subject.proxy.watches()[0]?.reset();
  await until('the watch is refused', () => subject.proxy.count('watch', 'configmaps', 429) === 1);
  const refused = performance.now();
  await subject.change('a', 'two');
  await subject.holds('a=two,b=one', 30_000);
  const took = performance.now() - refused;
  // Without Retry-After it would ask again within 1.6 s.
  assert.ok(took > 2_500, `${Math.round(took)} ms`);
  assert.equal(subject.watched.notifications, ['interrupted reset', 'interrupted throttled', 'watching']);
});

test('a server that fails is asked again at growing intervals, and no event is lost', async () => {
  await using subject = await watching();
  subject.proxy.fail('watch', 'configmaps', { status: 503, reason: 'ServiceUnavailable' }, 2);
  subject.proxy.watches()[0]?.reset();
  const change = await subject.change('a', 'two');
  await subject.holds('a=two,b=one');
  assert.equal(subject.watched.changes, [change]);
  assert.equal(subject.watched.notifications.slice(1), [
    'interrupted refused',
    'interrupted refused',
    'watching',
  ]);
});

test('a first list that is reset, refused and throttled succeeds in the end', async () => {
  await using subject = await CacheUnderTest.begin(plane, (proxy) => {
    proxy.fail('list', 'configmaps', { reset: true });
    proxy.fail('list', 'configmaps', { status: 500, reason: 'InternalError' });
    proxy.fail('list', 'configmaps', { status: 429, reason: 'TooManyRequests', retryAfter: 1 });
    proxy.fail('list', 'configmaps', { loseAnswer: true });
  });
  await subject.holds('a=one,b=one', 30_000);
  const { notifications } = subject.watched;
  assert.equal(notifications.slice(0, 3), [
    'interrupted reset',
    'interrupted refused',
    'interrupted throttled',
  ]);
  // On an idle connection the last request was sent again without a report.
  assert.match(notifications.slice(3).join(), /^(interrupted reset,)?listed 2/);
});

test('an event that cannot be parsed and one whose listener throws are both reported, and all others arrive', async () => {
  await using subject = await watching();
  const { watched } = subject;
  await subject.change('a', poison);
  watched.onChange = () => {
    watched.onChange = () => undefined;
    throw new Error('a defect of the listener');
  };
  const missed = await subject.create('c', 'one');
  const last = await subject.create('d', 'one');
  await until('the last event is received', () => watched.changes, { holds: (all) => all.includes(last) });
  assert.equal(watched.notifications, ['failed parse', 'failed onChange']);
  assert.is(watched.log.filter((line) => line.includes('cache callback failed')).length, 2);
  assert.ok(watched.contents.includes('a=one'), 'what cannot be parsed stays as it was');
  subject.proxy.watches()[0]?.expire();
  await until('the list reports what was missed', () => watched.changes, {
    holds: (all) => all.includes(missed),
  });
});

test.run();
