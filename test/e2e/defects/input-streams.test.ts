import { randomBytes } from 'node:crypto';
import * as assert from 'uvu/assert';
import { until } from '../../fixtures/until.ts';
import { concurrentTest } from '../support/concurrent-tests.ts';
import { applyWithJob, endsCancelled, girderOf, succeeds } from '../support/job-run.ts';
import { aFile, sha256 } from '../support/girder.ts';
import { cancelJob, logOf } from '../support/girder-job.ts';
import { containersOf, Lab, type Manifest, patienceMs } from '../support/runs.ts';
import { FaultyGirder } from './faulty-girder.ts';

/** Defects of the original with pipes that the target reads; see docs/defects.md. */

const mebibyte = 2 ** 20;
const test = concurrentTest();
const bytes = randomBytes(8 * mebibyte);
let lab: Lab;
let fileId: string;

test.before(async () => {
  lab = await Lab.open('input-streams');
  fileId = await aFile('in.bin', bytes);
});
test.after(() => lab?.close());

/** A target with the file in a pipe, whose path is `$1`, and a directory to write to in `$2`. */
function reading(script: string, file = fileId): Manifest {
  return {
    command: ['sh', '-c', script, 'sh'],
    args: ['$(in)', '$(temporaryVolume)'],
    transforms: [
      {
        name: 'in',
        connect: {
          input: { girderFileIdToStream: { fileId: file } },
          output: { namedInputPipe: { name: 'in' } },
        },
      },
    ],
    girder: girderOf(),
  };
}

test('D1: a slow reader of an input pipe gets every byte', async () => {
  const slow = randomBytes(2 * mebibyte);
  const script = `
    while dd bs=64k count=1 of=$2/piece 2>/dev/null && [ -s $2/piece ]; do
      cat $2/piece >> $2/all; usleep 20000
    done < $1
    sha256sum < $2/all`;
  await lab.run('slow', reading(script, await aFile('slow.bin', slow)));
  await succeeds(lab, 'slow');
  assert.is(await lab.output('slow'), `${sha256(slow)}  -\n`);
});

test('a fast reader of an input pipe gets every byte', async () => {
  await lab.run('fast', reading('sha256sum < $1'));
  await succeeds(lab, 'fast');
  assert.is(await lab.output('fast'), `${sha256(bytes)}  -\n`);
});

test('D3: an input pipe that the target never opens does not fail the run', async () => {
  await lab.run('unread', reading('echo done'));
  await succeeds(lab, 'unread');
  assert.is(await lab.output('unread'), 'done\n');
});

test('D4: a target that closes its input pipe early and keeps running succeeds', async () => {
  await lab.run('early', reading('head -c 100000 $1 | sha256sum; sleep 1; echo done'));
  await succeeds(lab, 'early');
  const expected = `${sha256(bytes.subarray(0, 100_000))}  -\ndone\n`;
  assert.is(await lab.output('early'), expected);
});

test('D4: when a target exits before the end of its input, only its exit code decides the result', async () => {
  const script = 'exec 3< $1; head -c 100000 <&3 >/dev/null; exit $CODE';
  for (const code of [0, 5]) {
    await lab.run(`exits-${code}`, { ...reading(script), env: [{ name: 'CODE', value: String(code) }] });
  }
  await succeeds(lab, 'exits-0');
  const status = await lab.ended('exits-5');
  assert.is(status.reason, 'TargetFailed', status.message);
  assert.is(status.target?.exitCode, 5);
  assert.equal(await containersOf((await lab.get('exits-5')).metadata.uid), []);
});

test('an input pipe whose source stalls delays neither the log nor a cancel', async () => {
  await using girder = await FaultyGirder.start();
  girder.proxy.fail('GET', '/download', { stallAnswerAfter: 200_000 });
  const spec = reading('cat $1 >/dev/null & while :; do echo tick; sleep 0.2; done');
  const run = await applyWithJob(lab, 'stalled', { ...spec, girder: { apiUrl: girder.apiUrl } });
  await lab.running(run.name);
  await until('the stream stalls', () => girder.proxy.requests('GET', '/download').length > 0, {
    withinMs: patienceMs,
  });
  const soFar = (await logOf(run.job.jobId)).length;
  await until('the log grows', async () => (await logOf(run.job.jobId)).length > soFar + 'tick\n'.length, {
    withinMs: patienceMs,
  });
  await cancelJob(run.job.jobId);
  await endsCancelled(lab, run);
});

test.run();
