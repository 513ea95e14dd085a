/**
 * Measures the bridge beside the original's Girder Worker, and writes docs/bridge-figures.md: how long a task takes from
 * `delay()` in Girder to the start of its container, and how many tasks at once become runs and end. It needs a quiet
 * machine with the operator of the tests:
 *
 *     set -a; . .cluster/env; set +a
 *     node bench/bridge.ts [tasks at once, 100] [single tasks of each, 10]
 *     prettier --write docs/bridge-figures.md
 */
import { writeFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { recordAt, textAt } from '../src/kube/json.ts';
import { paths } from '../src/kube/paths.ts';
import { connect } from '../src/kube/connection.ts';
import { storedJob } from '../test/e2e/support/girder-job.ts';
import { failed, succeeded } from '../test/e2e/support/job-run.ts';
import { succeed } from '../test/e2e/support/shell.ts';
import { publishOne } from '../test/fixtures/girder-examples.ts';
import { GirderWorker } from '../test/fixtures/girder-worker.ts';
import { KubeClient } from '../test/fixtures/kube-client.ts';
import { jobInState } from '../test/fixtures/slicer-cli.ts';
import { until } from '../test/fixtures/until.ts';
import { tasksNamespace } from '../test/cluster/operator/bridge.ts';

const [atOnce = 100, single = 10] = process.argv.slice(2).map(Number);
const page = 'docs/bridge-figures.md';
const image = 'busybox:local';
const publishers = 8;
const longestMs = 900_000;

/** In milliseconds since 1970: the first start of a container since then; nothing else runs on the engine. */
async function startAfter(sinceMs: number): Promise<number> {
  const filters = ['--filter', 'type=container', '--filter', 'event=start'];
  const times = ['--since', String(sinceMs / 1000), '--until', String(Date.now() / 1000)];
  const lines = await succeed('docker', ['events', ...times, ...filters, '--format', '{{.TimeNano}}']);
  const first = Number(lines.split('\n')[0]) / 1e6;
  if (!(first > 0)) throw new Error('no container was started for the task');
  return first;
}

/** Seconds from the publishing of a task to the start of its container. */
async function secondsToStart(queue: string): Promise<number> {
  const published = Date.now();
  const { jobId } = await publishOne('hello', { values: { image, queue } });
  const { status, log = [] } = await jobInState(jobId, [succeeded, failed]);
  if (status !== succeeded) throw new Error(`job ${jobId} failed:\n${log.join('')}`);
  return ((await startAfter(published)) - published) / 1000;
}

async function medianOf(queue: string): Promise<number> {
  // The first one loads images and modules.
  await secondsToStart(queue);
  const measured: number[] = [];
  for (let count = 0; count < single; count += 1) measured.push(await secondsToStart(queue));
  return measured.toSorted((a, b) => a - b)[Math.floor(single / 2)] ?? NaN;
}

async function publishMany(queue: string): Promise<{ taskId: string; jobId: string }[]> {
  const waiting = Array.from({ length: atOnce }, (_, index) => index);
  const tasks: { taskId: string; jobId: string }[] = [];
  const work = async () => {
    while (waiting.pop() !== undefined) tasks.push(await publishOne('hello', { values: { image, queue } }));
  };
  await Promise.all(Array.from({ length: publishers }, work));
  return tasks;
}

/** Seconds from the first publishing: until all are published, are runs, and have ended well. */
async function many(): Promise<{ published: number; created: number; ended: number }> {
  const client = new KubeClient(await connect());
  const start = performance.now();
  const since = () => (performance.now() - start) / 1000;
  const tasks = await publishMany('celery');
  const published = since();
  const names = async () => {
    const runs = await client.list(paths.dockerRuns(tasksNamespace), 'dockerrun.dev/bridge');
    return new Set(runs.map((run) => textAt(recordAt(run, 'metadata'), 'name')));
  };
  const holds = (found: Set<string | undefined>) =>
    tasks.every(({ taskId }) => found.has(`girder-${taskId}`));
  await until('all tasks are runs', names, { holds, withinMs: longestMs, everyMs: 200 });
  const created = since();
  for (const { jobId } of tasks) {
    const { status } = await until(`job ${jobId} has ended`, () => storedJob(jobId), {
      holds: (job) => job.status >= succeeded && job.status <= 5,
      withinMs: longestMs,
      everyMs: 500,
    });
    if (status !== succeeded) throw new Error(`job ${jobId} ended with ${status}`);
  }
  return { published, created, ended: since() };
}

const queue = `figures-${process.pid}`;
const original = await (async () => {
  await using _ = await GirderWorker.start([queue]);
  return await medianOf(queue);
})();
const bridge = await medianOf('celery');
const { published, created, ended } = await many();
const rows = [
  ['Seconds from `delay()` to the start of the container, with the bridge', bridge.toFixed(2)],
  ['The same with Girder Worker', original.toFixed(2)],
  ['Tasks at once', String(atOnce)],
  ['Seconds until Girder had published them', published.toFixed(1)],
  ['Seconds until all were DockerRuns', created.toFixed(1)],
  ['Tasks that became DockerRuns a second', (atOnce / created).toFixed(1)],
  ['Seconds until all their jobs had succeeded', ended.toFixed(1)],
  ['Jobs a second', (atOnce / ended).toFixed(2)],
];
const text = [
  '# Figures of the bridge',
  '',
  `Written by \`bench/bridge.ts\` on a machine with ${cpus().length} processors that ran the whole cluster, RabbitMQ, Girder and its`,
  `database, and a Girder Worker in the same sitting. The task is an \`echo\`; times of single tasks are medians of ${single}.`,
  `The load of the machine was ${loadavg()[0]?.toFixed(1)} at the end.`,
  '',
  '| Figure | Measured |',
  '| --- | --- |',
  ...rows.map((row) => `| ${row.join(' | ')} |`),
  '',
].join('\n');
writeFileSync(page, text);
console.log(text);
