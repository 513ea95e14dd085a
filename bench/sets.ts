/**
 * Measures a set on the installed operator, and writes it into docs/sets-figures.md: how many tiny inputs a second it does
 * beside as many bare Jobs, what it writes to the API server, and how many objects there are at once. It needs a
 * quiet machine:
 *
 *     set -a; . .cluster/env; set +a
 *     node bench/sets.ts [inputs, 200] [pods at once, 4] [bare Jobs, as many as inputs]
 *     prettier --write docs/sets-figures.md
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { connect } from '../src/kube/connection.ts';
import { paths } from '../src/kube/paths.ts';
import { KubeClient } from '../test/fixtures/kube-client.ts';
import { moreThan, writeCounts } from '../test/fixtures/api-counts.ts';
import { until } from '../test/fixtures/until.ts';
import { inputs, SetLab, type StoredSet } from '../test/e2e/sets/set-lab.ts';
import { writeFigures } from './figures-page.ts';

const [count = 200, parallelism = 4, jobs = count] = process.argv.slice(2).map(Number);
const chunkItems = 25;
const hourMs = 3_600_000;
/** Milliseconds. Ten thousand inputs take most of an hour on two processors. */
const setMs = 2 * hourMs;
const reportMs = 60_000;

type Job = { status?: { succeeded?: number } };

/** Looks at the objects of a namespace until the signal aborts; returns the most of them, and the most bytes. */
async function mostObjects(
  { lab }: SetLab,
  client: KubeClient,
  signal: AbortSignal,
): Promise<{ objects: number; bytes: number }> {
  const { namespace } = lab;
  const lists = [
    ...[paths.sets(namespace), paths.dockerRuns(namespace)],
    ...[paths.jobs(namespace), paths.pods(namespace)],
  ];
  const most = { objects: 0, bytes: 0 };
  while (!signal.aborted) {
    const objects = (await Promise.all(lists.map((path) => client.list(path)))).flat();
    most.objects = Math.max(most.objects, objects.length);
    most.bytes = Math.max(most.bytes, Buffer.byteLength(JSON.stringify(objects)));
    await sleep(1_000, undefined, { signal }).catch(() => undefined);
  }
  return most;
}

async function seconds(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return (performance.now() - start) / 1000;
}

let reported = performance.now();

/** Prints once a minute how far it is. */
function report(state: string): void {
  if (performance.now() - reported <= reportMs) return;
  reported = performance.now();
  console.log(`${new Date().toISOString()} ${state}`);
}

function isComplete({ status }: StoredSet): boolean {
  report(`${status.items?.done ?? 0} of ${count} inputs, ${status.phase}`);
  return status.phase === 'Complete';
}

const bareJob = (index: number) => ({
  apiVersion: 'batch/v1',
  kind: 'Job',
  metadata: { name: `bare-${index}` },
  spec: {
    // No cluster keeps thousands of ended pods; a set keeps none either.
    ttlSecondsAfterFinished: 60,
    template: {
      spec: {
        restartPolicy: 'Never',
        containers: [
          {
            name: 'target',
            image: 'busybox:local',
            imagePullPolicy: 'Never',
            command: ['sh', '-c', 'echo done'],
          },
        ],
      },
    },
  },
});

/** Jobs, `parallelism` of them at once, without any data: what a loop of a shell would start. */
async function bareJobs(lab: SetLab, client: KubeClient): Promise<void> {
  const path = `/apis/batch/v1/namespaces/${lab.lab.namespace}/jobs`;
  const waiting = Array.from({ length: jobs }, (_, index) => index);
  const work = async () => {
    for (let index = waiting.shift(); index !== undefined; index = waiting.shift()) {
      await client.create(path, bareJob(index));
      const holds = (job: unknown) => (job as Job).status?.succeeded === 1;
      await until('the Job has succeeded', () => client.get(`${path}/bare-${index}`), {
        holds,
        withinMs: hourMs,
        everyMs: 200,
      });
      report(`${jobs - waiting.length} of ${jobs} bare Jobs`);
    }
  };
  await Promise.all(Array.from({ length: parallelism }, work));
}

const client = new KubeClient(await connect());
const lab = await SetLab.open('sets-figures');
try {
  await lab.addInputs(inputs(count));
  const before = await writeCounts(client);
  const watching = new AbortController();
  const watched = mostObjects(lab, client, watching.signal);
  const ofSet = await seconds(async () => {
    await lab.apply('figures', {
      parallelism,
      chunk: { items: chunkItems },
      template: { spec: tinyTarget() },
    });
    await lab.until('figures', 'is Complete', isComplete, setMs);
  });
  watching.abort();
  const most = await watched;
  const writes = moreThan(before, await writeCounts(client));
  const { status } = await lab.get('figures');
  const ofJobs = await seconds(() => bareJobs(lab, client));
  const own = Object.entries(writes).filter(([key]) => /dockerrun|jobs|pods|events/.test(key));
  const sumOf = (counts: [string, number][]) => counts.reduce((sum, [, value]) => sum + value, 0);
  const [total, events] = [sumOf(own), sumOf(own.filter(([key]) => key.endsWith(' events')))];
  console.log(own.toSorted(([, x], [, y]) => y - x));
  writeFigures({
    title: 'Tiny inputs beside bare Jobs',
    text: [
      'Written by `bench/sets.ts` on a machine that ran the whole cluster, Girder and its database. The target is a shell',
      'that copies a line, so that what is measured is all but the target. Bare Jobs are compared by their rate. Most',
      'Events are those of the kubelet, which warns of each pod at each look that the cluster of the tests has no DNS.',
    ],
    rows: [
      ['Inputs, and pods at once', `${count}, ${parallelism}`],
      ['Inputs that have their result', String(status.items?.done)],
      ['Seconds of the set, from apply to Complete', ofSet.toFixed(1)],
      ['Inputs a second', (count / ofSet).toFixed(2)],
      ['Bare Jobs without data, and as many at once', `${jobs}, ${parallelism}`],
      ['Seconds of the bare Jobs', ofJobs.toFixed(1)],
      ['Jobs a second', (jobs / ofJobs).toFixed(2)],
      ['How many times as many inputs as Jobs a second', (count / ofSet / (jobs / ofJobs)).toFixed(2)],
      ['Writes to the API server for an input, by everybody', (total / count).toFixed(2)],
      ['The same without Events', ((total - events) / count).toFixed(2)],
      ['Most objects at once (sets, runs, Jobs, pods)', String(most.objects)],
      ['Most bytes of them as JSON', String(most.bytes)],
      ['Bytes of the status at the end', String(Buffer.byteLength(JSON.stringify(status)))],
    ],
  });
} finally {
  await lab.close();
}

function tinyTarget() {
  return {
    image: 'busybox:local',
    imagePullPolicy: 'Never',
    command: ['sh', '-c', 'cat "$0" > "$1/copy.txt"'],
    args: ['$(item)', '$(result)'],
  };
}
