import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type ControlPlane, startControlPlane } from '../../fixtures/control-plane.ts';
import { until } from '../../fixtures/until.ts';
import { CacheUnderTest } from './cache-under-test.ts';
import { poison } from './watched.ts';

/** What is lost with a connection must be there again this soon. */
const resumedMs = 2_000;

let plane: ControlPlane;
test.before(async () => void (plane = await startControlPlane()));
test.after(() => plane.close());

/** It waited so little before it asked again; how long the answers took is a matter of the machine. */
function assertResumedSoon({ watched: { waits } }: CacheUnderTest): void {
  const sum = waits.reduce((all, one) => all + one, 0);
  assert.ok(waits.length > 0 && sum < resumedMs, `waited ${waits.join(' and ')} ms`);
}

const watching = () => CacheUnderTest.watching(plane);

test('a reset connection: it goes on within 2 s without a list, and tells each change once', async () => {
  await using subject = await watching();
  const { watched } = subject;
  subject.proxy.watches()[0]?.reset();
  const changes = [await subject.change('a', 'two'), await subject.create('c', 'one')];
  await subject.delete('b');
  await subject.holds('a=two,c=one');
  assertResumedSoon(subject);
  assert.equal(watched.story, ['interrupted reset', 'watching']);
  assert.equal(
    watched.changes.filter((change) => !change.startsWith('b@')),
    changes,
  );
  assert.is(watched.changes.length, 3);
});

test('a load balancer that forgets every connection, the idle ones too', async () => {
  await using subject = await watching();
  subject.proxy.resetAll();
  await subject.change('a', 'two');
  await subject.holds('a=two,b=one');
  assertResumedSoon(subject);
  assert.not.ok(subject.watched.story.some((word) => word.startsWith('listed')));
});

test('a connection that breaks in the middle of an event: the event comes whole, and once', async () => {
  await using subject = await watching();
  subject.proxy.watches()[0]?.cutNext();
  const change = await subject.change('a', 'two');
  await subject.holds('a=two,b=one');
  assertResumedSoon(subject);
  assert.equal(subject.watched.changes, [change]);
  assert.equal(subject.watched.story, ['interrupted reset', 'watching']);
});

test('a line that is no event: it goes on from the last that was one', async () => {
  await using subject = await watching();
  subject.proxy.watches()[0]?.garble();
  const change = await subject.change('a', 'two');
  await subject.holds('a=two,b=one');
  assert.equal(subject.watched.changes, [change]);
  assert.equal(subject.watched.story, ['interrupted unreadable', 'watching']);
});

test('a line that is no event, again and again: all is listed anew', async () => {
  await using subject = await watching();
  for (const times of [1, 2]) {
    await until('it watches', () => subject.watched.cache.connected);
    subject.proxy.watches()[0]?.garble();
    await until(
      'it knows',
      () => subject.watched.story.filter((word) => word.includes('unre')).length === times,
    );
  }
  await until('it lists', () => subject.watched.story, { holds: (all) => all.includes('listed 2') });
  assert.equal(subject.watched.changes, [], 'what is as it was is no news');
});

const tooOld = { status: 410, reason: 'Expired' };

test('410 Gone as an answer: the new list shows what was deleted, changed and made again in the gap', async () => {
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
  await until('they are dropped', () => watch?.isDone === true);
  proxy.fail('watch', 'configmaps', tooOld);
  watch?.reset();
  await subject.holds('a=again');
  assert.equal(watched.story.slice(0, 3), ['interrupted reset', 'interrupted expired', 'listed 1']);
  assert.equal(watched.changes.slice(-1), [again]);
  assert.is(watched.changes.length, 3, 'the old a, the old b, the new a');
});

test('410 Gone in an open watch: an event that was dropped before is made good', async () => {
  await using subject = await watching();
  const [watch] = subject.proxy.watches();
  watch?.dropNext();
  await subject.delete('b');
  await until('it is dropped', () => watch?.isDone === true);
  watch?.expire();
  await subject.holds('a=one');
  assertResumedSoon(subject);
  assert.is(subject.watched.changes.length, 1);
  assert.equal(subject.watched.story.slice(0, 2), ['interrupted expired', 'listed 1']);
});

test('429 with Retry-After: the server is left alone that long, and nothing is lost', async () => {
  await using subject = await watching();
  subject.proxy.fail('watch', 'configmaps', { status: 429, reason: 'TooManyRequests', retryAfter: 5 });
  subject.proxy.watches()[0]?.reset();
  await until('it is refused', () => subject.proxy.count('watch', 'configmaps', 429) === 1);
  const refused = performance.now();
  await subject.change('a', 'two');
  await subject.holds('a=two,b=one', 30_000);
  const took = performance.now() - refused;
  // Without being asked to wait it would be back within 1.6 s.
  assert.ok(took > 2_500, `${Math.round(took)} ms`);
  assert.equal(subject.watched.story, ['interrupted reset', 'interrupted throttled', 'watching']);
});

test('a server in trouble: it is asked again, ever more slowly, and nothing is lost', async () => {
  await using subject = await watching();
  subject.proxy.fail('watch', 'configmaps', { status: 503, reason: 'ServiceUnavailable' }, 2);
  subject.proxy.watches()[0]?.reset();
  const change = await subject.change('a', 'two');
  await subject.holds('a=two,b=one');
  assert.equal(subject.watched.changes, [change]);
  assert.equal(subject.watched.story.slice(1), ['interrupted refused', 'interrupted refused', 'watching']);
});

test('a first list that is refused, throttled and lost comes in the end', async () => {
  await using subject = await CacheUnderTest.begin(plane, (proxy) => {
    proxy.fail('list', 'configmaps', { reset: true });
    proxy.fail('list', 'configmaps', { status: 500, reason: 'InternalError' });
    proxy.fail('list', 'configmaps', { status: 429, reason: 'TooManyRequests', retryAfter: 1 });
    proxy.fail('list', 'configmaps', { loseAnswer: true });
  });
  await subject.holds('a=one,b=one', 30_000);
  const { story } = subject.watched;
  assert.equal(story.slice(0, 3), ['interrupted reset', 'interrupted refused', 'interrupted throttled']);
  // On a connection that was idle, the last one was sent again without a word.
  assert.match(story.slice(3).join(), /^(interrupted reset,)?listed 2/);
});

test('an event that nobody can parse and one that the listener throws at: both are told, and all others go on', async () => {
  await using subject = await watching();
  const { watched } = subject;
  await subject.change('a', poison);
  watched.onChange = () => {
    watched.onChange = () => undefined;
    throw new Error('a defect of the listener');
  };
  const missed = await subject.create('c', 'one');
  const heard = await subject.create('d', 'one');
  await until('the last one is heard', () => watched.changes, { holds: (all) => all.includes(heard) });
  assert.equal(watched.story, ['failed parse', 'failed onChange']);
  assert.is(watched.log.filter((line) => line.includes('cache callback failed')).length, 2);
  assert.ok(watched.contents.includes('a=one'), 'what cannot be parsed stays as it was');
  subject.proxy.watches()[0]?.expire();
  await until('the list tells what was missed', () => watched.changes, {
    holds: (all) => all.includes(missed),
  });
});

test.run();
