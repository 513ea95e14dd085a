import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { until } from '../../fixtures/until.ts';
import { anObject, WatchServer } from './watch-server.ts';
import { Watched } from './watched.ts';

const path = '/api/v1/configmaps';

/** A cache that has listed `a` at version 5 and watches. */
async function watching(server: WatchServer) {
  const watched = new Watched(server.connection, path);
  (await server.nextList()).list(10, [anObject('a', 5, 'old')]);
  const watch = (await server.nextWatch()).stream();
  await until('the list is in the cache', () => watched.cache.synced);
  return { watched, watch };
}

test('the answer to our own write is in the cache at once', async () => {
  await using server = await WatchServer.start();
  const { watched } = await watching(server);
  await using _ = watched;
  watched.cache.absorb(anObject('a', 20, 'new'));
  assert.equal(watched.contents, ['a=new']);
});

test('neither the answer nor the event of our own write is reported; a write of another client just before it is', async () => {
  await using server = await WatchServer.start();
  const { watched, watch } = await watching(server);
  await using _ = watched;
  watched.changes.length = 0;
  watched.cache.absorb(anObject('a', 20, 'ours'));
  watch.event('MODIFIED', anObject('a', 20, 'ours')).event('ADDED', anObject('b', 21));
  await until('the events are received', () => watched.cache.get('lab/b') !== undefined);
  assert.equal(watched.changes, ['b@21']);
  watched.cache.absorb(anObject('a', 31, 'ours on theirs'));
  watch.event('MODIFIED', anObject('a', 30, 'theirs')).event('MODIFIED', anObject('a', 31, 'ours on theirs'));
  watch.event('ADDED', anObject('c', 32));
  await until('the events are received', () => watched.cache.get('lab/c') !== undefined);
  assert.equal(watched.changes, ['b@21', 'a@31', 'c@32']);
});

test('an event from before our write does not restore the old object', async () => {
  await using server = await WatchServer.start();
  const { watched, watch } = await watching(server);
  await using _ = watched;
  watched.cache.absorb(anObject('a', 20, 'new'));
  watch
    .event('MODIFIED', anObject('a', 15, 'between'))
    .bookmark(16)
    .event('ADDED', anObject('b', 17, 'b'));
  await until('the events are received', () => watched.cache.get('lab/b') !== undefined);
  assert.equal(watched.contents, ['a=new', 'b=b']);
  watch.event('MODIFIED', anObject('a', 21, 'newer'));
  await until('a newer event is stored', () => watched.contents, { holds: (all) => all.includes('a=newer') });
});

test('an answer that is older than an event of the watch is ignored', async () => {
  await using server = await WatchServer.start();
  const { watched, watch } = await watching(server);
  await using _ = watched;
  watch.event('MODIFIED', anObject('a', 30, 'newest'));
  await until('the event is received', () => watched.contents, { holds: (all) => all.includes('a=newest') });
  watched.cache.absorb(anObject('a', 20, 'new'));
  assert.equal(watched.contents, ['a=newest']);
});

test('a list that began before our write does not undo it', async () => {
  await using server = await WatchServer.start();
  const { watched, watch } = await watching(server);
  await using _ = watched;
  watch.event('ERROR', { kind: 'Status', code: 410, reason: 'Expired', message: 'too old' });
  const list = await server.nextList();
  watched.cache.absorb(anObject('a', 60, 'new'));
  list.list(50, [anObject('a', 5, 'old')]);
  await server.nextWatch();
  assert.equal(watched.contents, ['a=new']);
});

test('an answer that arrives after the deletion of its object does not restore the object', async () => {
  await using server = await WatchServer.start();
  const { watched, watch } = await watching(server);
  await using _ = watched;
  watch.event('MODIFIED', anObject('a', 20, 'new')).event('DELETED', anObject('a', 21, 'new'));
  await until('the deletion is received', () => watched.contents.length === 0);
  watched.cache.absorb(anObject('a', 20, 'new'));
  assert.equal(watched.contents, []);
});

test.run();
