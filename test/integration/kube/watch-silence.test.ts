import { test } from 'uvu';
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

/** A connection on which nothing comes any more is given up this soon. */
const foundMs = 75_000;
/** A request that is not answered at all is given up after 30 s. */
const unansweredMs = 35_000;
/** Besides, this machine may be busy, and a pause follows. */
const slackMs = 10_000;

/** Everything waits at the same time; each test waits for its own part. */
const begun = new Map<string, Promise<void>>();
let plane: ControlPlane;

test.before(async () => {
  plane = await startControlPlane();
  for (const [name, story] of Object.entries(stories)) {
    const running = story();
    running.catch(() => undefined);
    begun.set(name, running);
  }
});

test.after(() => plane.close());

const configMaps = paths.configMaps('default');

const stories: Record<string, () => Promise<void>> = {
  'a black hole swallows an open watch: it is found within 75 s, and nothing is lost': async () => {
    await using hole = await TcpProxy.start(plane.server);
    await using watched = new Watched(plane.connect(hole.url), configMaps);
    await until('it watches', () => watched.cache.connected);
    hole.swallow();
    hole.heal();
    await plane.client.create(configMaps, { metadata: { name: 'unheard' }, data: { value: 'one' } });
    const began = performance.now();
    const isFound = (story: string[]) => story.includes('interrupted silence');
    await until('it is found', () => watched.story, { holds: isFound, withinMs: foundMs + slackMs });
    const found = performance.now() - began;
    assert.ok(found < foundMs, `found after ${Math.round(found)} ms`);
    await until('it is heard', () => watched.contents, { holds: (all) => all.includes('unheard=one') });
    assert.equal(watched.story.slice(1), ['watching', 'interrupted silence', 'watching']);
    assert.ok(watched.log.some((line) => line.includes('no data from the watch for 70 s')));
  },
  'a black hole in place of the server: the first list comes when it is over': async () => {
    await using hole = await TcpProxy.start(plane.server);
    hole.swallow();
    await using watched = new Watched(plane.connect(hole.url), configMaps);
    await until('the list is asked for', () => hole.accepted > 0);
    hole.heal();
    await until('it is listed', () => watched.cache.synced, { withinMs: unansweredMs + slackMs });
    assert.equal(watched.story.slice(0, 1), ['interrupted silence']);
  },
  'a list that stands still half-way is asked for again': async () => {
    await using server = await WatchServer.start();
    await using watched = new Watched(server.connection, configMaps);
    (await server.nextList()).response.writeHead(200).write('{"kind":"List","metadata":{"resourceVer');
    (await server.next(unansweredMs + slackMs)).list(10, [anObject('a', 5, 'one')]);
    await until('it is listed', () => watched.cache.synced);
    assert.equal(watched.story.slice(0, 2), ['interrupted silence', 'listed 1']);
  },
  'a watch that is never answered is asked for again, from the same version': async () => {
    await using server = await WatchServer.start();
    await using watched = new Watched(server.connection, configMaps);
    (await server.nextList()).list(10, []);
    await server.nextWatch();
    const again = await server.next(unansweredMs + slackMs);
    assert.is(again.query('resourceVersion'), '10');
    again.stream();
    await until('it watches', () => watched.cache.connected);
    assert.equal(watched.story, ['listed 0', 'interrupted silence', 'watching']);
  },
  'a black hole swallows all of the controller’s connections: no transition of a run is lost': async () => {
    await using hole = await TcpProxy.start(plane.server);
    await using controller = await ControllerProcess.start(plane.kubeconfigFor(hole.url));
    await using history = new StatusHistory(plane.connect());
    await using cluster = await SimulatedCluster.start(plane);
    await led(plane.client, [controller]);
    const [begins, goesOn] = [
      new ScriptedRun(cluster, 'begins', 'default'),
      new ScriptedRun(cluster, 'goes-on', 'default'),
    ];
    await goesOn.apply();
    await goesOn.hasJob();
    hole.swallow();
    hole.heal();
    await begins.apply();
    await goesOn.podRuns(1);
    await goesOn.podEnds(1, succeeded);
    await Promise.all([goesOn.is(['Succeeded'], foundMs + slackMs), begins.hasJob(foundMs + slackMs)]);
    for (const run of [begins, goesOn]) await run.hasOneJob();
    assert.equal(history.flaps, []);
    assert.ok(controller.isRunning);
  },
};

for (const name of Object.keys(stories)) test(name, () => begun.get(name));

test.run();
