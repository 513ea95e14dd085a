import { test } from '../../fixtures/suite.ts';
import * as assert from 'uvu/assert';
import { paths } from '../../../src/kube/paths.ts';
import { type ControlPlane, startControlPlane } from '../../fixtures/control-plane.ts';
import { ControllerProcess } from '../../fixtures/controller-process.ts';
import { TcpProxy } from '../../fixtures/tcp-proxy.ts';
import { led } from '../../fixtures/replicas.ts';
import { ScriptedRun, succeeded } from '../../fixtures/scripted-run.ts';
import { SimulatedCluster } from '../../fixtures/simulated-cluster.ts';
import { StatusHistory } from '../../fixtures/status-history.ts';
import { until } from '../../fixtures/until.ts';
import { anObject, WatchServer } from './watch-server.ts';
import { Watched } from './watched.ts';

/** A connection on which no data arrives is closed within this time. */
const foundMs = 75_000;
/** A request that is not answered fails after 30 s. */
const unansweredMs = 35_000;
/** For a busy machine, and for the pause before the next request. */
const slackMs = 10_000;

/** All scenarios run at the same time; each test awaits its own. */
const begun = new Map<string, Promise<void>>();
let plane: ControlPlane;

test.before(async () => {
  plane = await startControlPlane();
  for (const [name, scenario] of Object.entries(scenarios)) {
    const running = scenario();
    running.catch(() => undefined);
    begun.set(name, running);
  }
});

test.after(() => plane.close());

const configMaps = paths.configMaps('default');

const scenarios: Record<string, () => Promise<void>> = {
  'an open watch on a connection without data is closed within 75 s, and no event is lost': async () => {
    await using hole = await TcpProxy.start(plane.server);
    await using watched = new Watched(plane.connect(hole.url), configMaps);
    await until('the cache watches', () => watched.cache.connected);
    hole.swallow();
    hole.heal();
    await plane.client.create(configMaps, { metadata: { name: 'missed' }, data: { value: 'one' } });
    const began = performance.now();
    const isFound = (entries: string[]) => entries.includes('interrupted silence');
    await until('the silence is detected', () => watched.notifications, {
      holds: isFound,
      withinMs: foundMs + slackMs,
    });
    const found = performance.now() - began;
    assert.ok(found < foundMs, `found after ${Math.round(found)} ms`);
    await until('the missed event is received', () => watched.contents, {
      holds: (all) => all.includes('missed=one'),
    });
    assert.equal(watched.notifications.slice(1), ['watching', 'interrupted silence', 'watching']);
    assert.ok(watched.log.some((line) => line.includes('no data from the watch for 70 s')));
  },
  'the first list succeeds when a server that did not answer is back': async () => {
    await using hole = await TcpProxy.start(plane.server);
    hole.swallow();
    await using watched = new Watched(plane.connect(hole.url), configMaps);
    await until('the list is asked for', () => hole.accepted > 0);
    hole.heal();
    await until('the list is in the cache', () => watched.cache.synced, { withinMs: unansweredMs + slackMs });
    assert.equal(watched.notifications.slice(0, 1), ['interrupted silence']);
  },
  'a list that stalls half-way is requested again': async () => {
    await using server = await WatchServer.start();
    await using watched = new Watched(server.connection, configMaps);
    (await server.nextList()).response.writeHead(200).write('{"kind":"List","metadata":{"resourceVer');
    (await server.next(unansweredMs + slackMs)).list(10, [anObject('a', 5, 'one')]);
    await until('the list is in the cache', () => watched.cache.synced);
    assert.equal(watched.notifications.slice(0, 2), ['interrupted silence', 'listed 1']);
  },
  'a watch that is never answered is requested again, from the same version': async () => {
    await using server = await WatchServer.start();
    await using watched = new Watched(server.connection, configMaps);
    (await server.nextList()).list(10, []);
    await server.nextWatch();
    const again = await server.next(unansweredMs + slackMs);
    assert.is(again.query('resourceVersion'), '10');
    again.stream();
    await until('the cache watches', () => watched.cache.connected);
    assert.equal(watched.notifications, ['listed 0', 'interrupted silence', 'watching']);
  },
  'no transition of a run is lost when all of the controller’s connections go silent': async () => {
    await using hole = await TcpProxy.start(plane.server);
    await using controller = await ControllerProcess.start(plane.kubeconfigFor(hole.url));
    await using history = new StatusHistory(plane.connect());
    await using cluster = await SimulatedCluster.start(plane);
    await led(plane.client, [controller]);
    const [begins, continues] = [
      new ScriptedRun(cluster, 'begins', 'default'),
      new ScriptedRun(cluster, 'continues', 'default'),
    ];
    await continues.apply();
    await continues.hasJob();
    hole.swallow();
    hole.heal();
    await begins.apply();
    await continues.podRuns(1);
    await continues.podEnds(1, succeeded);
    await Promise.all([continues.is(['Succeeded'], foundMs + slackMs), begins.hasJob(foundMs + slackMs)]);
    for (const run of [begins, continues]) await run.hasOneJob();
    assert.equal(history.flaps, []);
    assert.ok(controller.isRunning);
  },
};

for (const name of Object.keys(scenarios)) test(name, () => begun.get(name));

test.run();
