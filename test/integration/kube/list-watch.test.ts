import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { until } from '../../fixtures/until.ts';
import { anObject, WatchServer } from './watch-server.ts';
import { Watched } from './watched.ts';

const path = '/api/v1/configmaps';

/** A watch or a pause that is not stopped lasts at least 70 s. */
const atOnceMs = 30_000;

/** A cache that has listed `a` and `b` at version 10 and watches. */
async function watching(server: WatchServer) {
  const watched = new Watched(server.connection, path);
  (await server.nextList()).list(10, [anObject('a', 5, 'one'), anObject('b', 6, 'one')]);
  const watch = (await server.nextWatch()).stream();
  await until('the list is in the cache', () => watched.cache.synced);
  watched.changes.length = 0;
  return { watched, watch };
}

test('a cache lists the objects of its selector, and watches from the version of the list, with bookmarks', async () => {
  await using server = await WatchServer.start();
  await using watched = new Watched(server.connection, path, { labelSelector: 'lab=1' });
  const list = await server.nextList();
  assert.is(list.url.pathname, path);
  assert.is(list.query('labelSelector'), 'lab=1');
  assert.not.ok(watched.cache.synced);
  list.list(10, [anObject('a', 5, 'one')]);
  const watch = await server.nextWatch();
  assert.is(watch.query('resourceVersion'), '10');
  assert.is(watch.query('labelSelector'), 'lab=1');
  assert.is(watch.query('allowWatchBookmarks'), 'true');
  assert.ok(Number(watch.query('timeoutSeconds')) < 295);
  assert.ok(watched.cache.synced);
  assert.equal(watched.contents, ['a=one']);
  assert.equal(watched.cache.get('lab/a'), { name: 'a', version: '5', value: 'one' });
  assert.equal(watched.changes, ['a@5']);
});

test('a list of many pages is in the cache when its last page has arrived', async () => {
  await using server = await WatchServer.start();
  await using watched = new Watched(server.connection, path);
  const first = await server.nextList();
  assert.ok(Number(first.query('limit')) > 0);
  first.list(10, [anObject('a', 5)], 'token-1');
  const second = await server.nextList();
  assert.is(second.query('continue'), 'token-1');
  assert.not.ok(watched.cache.synced);
  second.list(10, [anObject('b', 6)], 'token-2');
  const third = await server.nextList();
  assert.is(third.query('continue'), 'token-2');
  third.list(10, [anObject('c', 7)]);
  assert.is((await server.nextWatch()).query('resourceVersion'), '10');
  assert.equal(watched.contents, ['a=', 'b=', 'c=']);
});

test('a list whose next page has expired starts again from the first page, never in one piece', async () => {
  await using server = await WatchServer.start();
  await using watched = new Watched(server.connection, path);
  (await server.nextList()).list(10, [anObject('a', 5)], 'token-1');
  (await server.nextList()).refuse(410, 'Expired');
  const again = await server.nextList();
  assert.is(again.query('continue'), null);
  assert.ok(Number(again.query('limit')) > 0);
  again.list(20, [anObject('b', 6)]);
  await server.nextWatch();
  assert.equal(watched.contents, ['b=']);
});

test('every event is in the cache and is reported', async () => {
  await using server = await WatchServer.start();
  const { watched, watch } = await watching(server);
  await using _ = watched;
  watch.event('ADDED', anObject('c', 11, 'one')).event('MODIFIED', anObject('a', 12, 'two'));
  watch.event('DELETED', anObject('b', 13, 'one'));
  await until('three events are reported', () => watched.changes.length === 3);
  assert.equal(watched.changes, ['c@11', 'a@12', 'b@13']);
  assert.equal(watched.contents, ['a=two', 'c=one']);
});

test('a watch that the server ends resumes from the last version, without a list', async () => {
  await using server = await WatchServer.start();
  const { watched, watch } = await watching(server);
  await using _ = watched;
  watch.event('MODIFIED', anObject('a', 12, 'two')).end();
  const again = await server.nextWatch();
  assert.is(again.query('resourceVersion'), '12');
  again.stream().event('MODIFIED', anObject('a', 14, 'three'));
  await until('the events of the second watch are received', () => watched.contents, {
    holds: (all) => all.includes('a=three'),
  });
});

test('a bookmark advances the version and is not reported', async () => {
  await using server = await WatchServer.start();
  const { watched, watch } = await watching(server);
  await using _ = watched;
  watch.bookmark(40).end();
  assert.is((await server.nextWatch()).query('resourceVersion'), '40');
  assert.equal(watched.changes, []);
  assert.equal(watched.contents, ['a=one', 'b=one']);
});

test('a watch that is reset in the middle of an event resumes from the last whole event', async () => {
  await using server = await WatchServer.start();
  const { watched, watch } = await watching(server);
  await using _ = watched;
  watch.event('MODIFIED', anObject('a', 12, 'two')).reset();
  const again = await server.nextWatch();
  assert.is(again.query('resourceVersion'), '12');
  again.stream().event('ADDED', anObject('c', 13, 'one'));
  await until('the events of the second watch are received', () => watched.contents.length === 3);
});

test('an event that is cut by a regular end of the watch arrives whole with the next watch', async () => {
  await using server = await WatchServer.start();
  const { watched, watch } = await watching(server);
  await using _ = watched;
  watch.event('MODIFIED', anObject('a', 12, 'two')).response.end('{"type":"ADDED","object":{"meta');
  const again = await server.nextWatch();
  assert.is(again.query('resourceVersion'), '12');
  again.stream().event('ADDED', anObject('c', 13, 'one'));
  await until('the whole event is received', () => watched.contents.length === 3);
  assert.equal(watched.changes, ['a@12', 'c@13']);
});

test('a version that is too old for the watch leads to a new list, which shows what was deleted', async () => {
  await using server = await WatchServer.start();
  const { watched, watch } = await watching(server);
  await using _ = watched;
  watch.event('ERROR', { kind: 'Status', code: 410, reason: 'Expired', message: 'too old' });
  (await server.nextList()).list(50, [anObject('b', 45, 'two'), anObject('c', 46, 'one')]);
  assert.is((await server.nextWatch()).query('resourceVersion'), '50');
  assert.equal(watched.contents, ['b=two', 'c=one']);
  assert.equal(watched.changes.toSorted(), ['a@5', 'b@45', 'c@46']);
});

test('a watch that is refused as too old leads to a new list as well', async () => {
  await using server = await WatchServer.start();
  const { watched, watch } = await watching(server);
  await using _ = watched;
  watch.end();
  (await server.nextWatch()).refuse(410, 'Expired');
  (await server.nextList()).list(50, []);
  await server.nextWatch();
  assert.equal(watched.contents, []);
});

test('after an error in the stream other than 410 the watch resumes from the last version', async () => {
  await using server = await WatchServer.start();
  const { watched, watch } = await watching(server);
  await using _ = watched;
  watch.bookmark(30).event('ERROR', { kind: 'Status', code: 500, reason: 'InternalError', message: 'etcd' });
  assert.is((await server.nextWatch()).query('resourceVersion'), '30');
});

test('a list and a watch that are throttled are not sent again before Retry-After is over', async () => {
  await using server = await WatchServer.start();
  await using watched = new Watched(server.connection, path);
  const first = await server.nextList();
  first.refuse(429, 'TooManyRequests', { 'retry-after': '2' });
  const second = await server.nextList();
  assert.ok(second.at - first.at >= 1_990, `asked again after ${second.at - first.at} ms`);
  second.list(10, []);
  const watch = await server.nextWatch();
  watch.refuse(429, 'TooManyRequests', { 'retry-after': '2' });
  const again = await server.nextWatch();
  assert.ok(again.at - watch.at >= 1_990, `asked again after ${again.at - watch.at} ms`);
  assert.ok(watched.cache.synced);
});

test('a list that fails is retried, and the cache stays as it was', async () => {
  await using server = await WatchServer.start();
  const { watched, watch } = await watching(server);
  await using _ = watched;
  watch.event('ERROR', { kind: 'Status', code: 410, reason: 'Expired', message: 'too old' });
  (await server.nextList()).refuse(500, 'InternalError');
  const again = await server.nextList();
  assert.equal(watched.contents, ['a=one', 'b=one']);
  again.list(50, []);
  await until('the new list is in the cache', () => watched.contents.length === 0);
});

test('everything is listed again at intervals, in case an event was lost; only differences are reported', async () => {
  await using server = await WatchServer.start();
  await using watched = new Watched(server.connection, path, { relistMs: 0 });
  (await server.nextList()).list(10, [anObject('a', 5, 'one'), anObject('b', 6, 'one')]);
  (await server.nextWatch()).stream().bookmark(20).end();
  (await server.nextList()).list(30, [anObject('a', 5, 'one'), anObject('b', 16, 'lost')]);
  assert.is((await server.nextWatch()).query('resourceVersion'), '30');
  assert.equal(watched.changes, ['a@5', 'b@6', 'b@16']);
});

test('a cache reports whether it is connected', async () => {
  await using server = await WatchServer.start();
  await using watched = new Watched(server.connection, path);
  const { cache } = watched;
  (await server.nextList()).list(10, []);
  const watch = await server.nextWatch();
  assert.not.ok(cache.connected);
  watch.stream();
  await until('the cache is connected', () => cache.connected);
  watch.response.socket?.resetAndDestroy();
  await until('the cache is not connected', () => !cache.connected);
});

test('stopping ends the watch at once', async () => {
  await using server = await WatchServer.start();
  const { watched, watch } = await watching(server);
  const closed = new Promise((resolve) => watch.response.on('close', resolve));
  const before = performance.now();
  await watched.stop();
  await closed;
  assert.ok(performance.now() - before < atOnceMs);
});

test('stopping ends a pause at once', async () => {
  await using server = await WatchServer.start();
  const watched = new Watched(server.connection, path);
  (await server.nextList()).refuse(429, 'TooManyRequests', { 'retry-after': '600' });
  await until('the cache waits', () => watched.log.length > 0);
  const before = performance.now();
  await watched.stop();
  assert.ok(performance.now() - before < atOnceMs);
});

test.run();
