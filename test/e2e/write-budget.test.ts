import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { test } from '../fixtures/suite.ts';
import * as assert from 'uvu/assert';
import type { DockerRunStatus } from '../../src/api/status.ts';
import { until } from '../fixtures/until.ts';
import { environment } from './support/environment.ts';
import { aFile, anItem } from './support/girder.ts';
import { Lab, patienceMs, untilReleased } from './support/runs.ts';

let lab: Lab;

test.before(async () => {
  lab = await Lab.open('write-budget');
});
test.after(() => lab.close());

/** The most API writes for a run through all phases: statuses, Events and its Job. */
const maxWrites = 6;
/** A busy machine may cause an Event. */
const tries = 3;
/** Reported only when they last for five seconds, as progress is: on a busy machine. */
const briefPhases: readonly DockerRunStatus['phase'][] = ['Preparing', 'Uploading'];

/** Every version of a run, as `kubectl get --watch` shows them until disposal: one for each write. */
class History implements AsyncDisposable {
  #text = '';
  readonly #kubectl;

  constructor(name: string) {
    const columns = 'jsonpath={.metadata.resourceVersion}{" "}{.status}{"\\n"}';
    const one = ['--field-selector', `metadata.name=${name}`];
    const watch = ['get', 'dockerruns', ...one, '--watch', '--output', columns];
    const stdio: ['ignore', 'pipe', 'inherit'] = ['ignore', 'pipe', 'inherit'];
    this.#kubectl = spawn('kubectl', ['--namespace', lab.namespace, ...watch], { stdio });
    this.#kubectl.stdout.on('data', (chunk: Buffer) => (this.#text += chunk.toString()));
  }

  /** The statuses that were written, without the first, empty one. */
  get written(): DockerRunStatus[] {
    const lines = this.#text.split('\n').filter((line) => line !== '');
    const versions = new Map(lines.map((line) => [line.split(' ', 1)[0], line.slice(line.indexOf(' ') + 1)]));
    const statuses = [...versions.values()].filter((status) => status !== '');
    const parsed = statuses.map((status) => JSON.parse(status) as DockerRunStatus);
    return parsed.filter(({ phase }) => phase !== undefined);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = once(this.#kubectl, 'exit');
    this.#kubectl.kill();
    await ended;
  }
}

/** Runs a download, some seconds of target and an upload; returns the number of API writes for the run. */
async function writesFor(name: string): Promise<number> {
  const fileId = await aFile('in.txt', Buffer.from('economical'));
  const itemId = await anItem('write-budget');
  await using history = new History(name);
  await lab.run(name, {
    command: ['sh', '-c', `cp $(in) $(out); ${untilReleased}`],
    transforms: [
      { name: 'in', girderFileIdToVolume: { fileId } },
      { name: 'out', volumePath: { filename: 'out.txt' } },
    ],
    girderResultHooks: [{ girderUploadVolumePathToItem: { volumePath: 'out', itemId } }],
    girder: { apiUrl: environment('GIRDER_API_URL'), credentialsSecretRef: { name: 'girder' } },
  });
  await lab.running(name);
  await sleep(6_000);
  await lab.release(name);
  assert.is((await lab.ended(name)).phase, 'Succeeded');
  await until('the watch has delivered the end', () => history.written.at(-1)?.phase === 'Succeeded', {
    withinMs: patienceMs,
  });
  // When a later run has ended, all writes for this one are done.
  await lab.run(`${name}-later`, { command: ['true'] });
  await lab.ended(`${name}-later`);
  const written = history.written;
  const phases = written.map(({ phase }) => phase);
  const events = await lab.events(name);
  console.log(`written: ${phases.join(', ')}; Events: ${events.map(({ reason }) => reason).join(', ')}`);
  assert.ok(phases.includes('Running'), 'a phase that lasts is reported');
  assert.is(phases.at(-1), 'Succeeded');
  const progress = phases.filter(
    (phase, at) => phase === phases[at - 1] || briefPhases.includes(phase),
  ).length;
  const { startTime = '', completionTime = '' } = written.at(-1) ?? {};
  const seconds = (Date.parse(completionTime) - Date.parse(startTime)) / 1_000;
  assert.ok(progress <= seconds / 5, `${progress} writes of progress in ${seconds} s`);
  const jobs = 1;
  return phases.length - progress + events.length + jobs;
}

test('a run that downloads, runs some seconds and uploads costs at most 6 API writes apart from its progress', async () => {
  const counts: number[] = [];
  while (counts.length < tries && Math.min(...counts) > maxWrites) {
    counts.push(await writesFor(`economical-${counts.length + 1}`));
  }
  assert.ok(Math.min(...counts) <= maxWrites, `${counts.join(', ')} writes`);
});

test('the progress of a run is written at most once every five seconds', async () => {
  await using history = new History('chatty');
  const began = performance.now();
  await lab.run('chatty', {
    command: [
      'sh',
      '-c',
      `i=0; while [ $i -lt 60 ]; do i=$((i+1)); echo '{"message": "step", "current": '$i', "total": 60}'; sleep 0.2; done > $(progress)`,
    ],
    transforms: [{ name: 'progress', progressPipe: {} }],
  });
  assert.is((await lab.ended('chatty')).phase, 'Succeeded');
  await until('the watch has delivered the end', () => history.written.at(-1)?.phase === 'Succeeded', {
    withinMs: patienceMs,
  });
  const reported = history.written.filter(
    ({ phase, progress }) => phase === 'Running' && progress !== undefined,
  );
  const seconds = (performance.now() - began) / 1000;
  console.log(
    `progress: ${reported.map(({ progress }) => `${progress?.percent}%`).join(', ')} in ${seconds} s`,
  );
  assert.ok(reported.some(({ progress }) => (progress?.percent ?? 0) > 0));
  // One more write is for the phase, and includes the progress so far.
  assert.ok(reported.length <= 1 + Math.ceil(seconds / 5), `${reported.length} times in ${seconds} s`);
});

test.run();
