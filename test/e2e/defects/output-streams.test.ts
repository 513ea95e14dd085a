import { open, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import * as assert from 'uvu/assert';
import { concurrentTest } from '../support/concurrent-tests.ts';
import { HttpSink } from '../support/http-sink.ts';
import { applyWithJob, failed, running, succeeds, workerEndedAt } from '../support/job-run.ts';
import { ScratchDirectory } from '../../fixtures/scratch-directory.ts';
import { sha256 } from '../support/girder.ts';
import { statesOf } from '../support/girder-job.ts';
import { containersOf, Lab, type Manifest } from '../support/runs.ts';

/** Defects of the original with pipes that the target writes to; see docs/defects.md. */

const test = concurrentTest();
const soonMs = 20_000;
let lab: Lab;

test.before(async () => {
  lab = await Lab.open('output-streams');
});
test.after(() => lab?.close());

/** A target with an output pipe, whose path is `$1`, and a directory to write to in `$2`. */
function writing(script: string, output: Manifest = { hostStdOut: {} }): Manifest {
  return {
    command: ['sh', '-c', script, 'sh'],
    args: ['$(out)', '$(temporaryVolume)'],
    transforms: [{ name: 'out', connect: { input: { namedOutputPipe: { name: 'out' } }, output } }],
  };
}

const postTo = (url: string): Manifest => ({ chunkedTransferEncodingStream: { url } });

test('D2: an output pipe that is opened several times is one stream', async () => {
  await lab.run('again', writing('for line in one two three; do echo $line > $1; sleep 0.3; done'));
  await succeeds(lab, 'again');
  assert.is((await lab.log('again')).toString(), 'one\ntwo\nthree\n');
});

test('an output pipe that the target never opens does not fail the run', async () => {
  await lab.run('unopened', writing('echo done'));
  await succeeds(lab, 'unopened');
  assert.is((await lab.log('unopened')).toString(), 'done\n');
});

test('D19: a server that answers 500 fails the run with a clear message and stops the target', async () => {
  await using sink = await HttpSink.start((request, response) => {
    request.resume();
    response.writeHead(500).end('no');
  });
  const url = `${sink.url}/refuses?secret=hunter2`;
  const { job } = await applyWithJob(lab, 'refused', writing('yes > $1', postTo(url)));
  const status = await lab.ended('refused');
  assert.is(status.reason, 'StreamFailed', status.message);
  assert.match(status.message ?? '', `${sink.url}/refuses`);
  assert.match(status.message ?? '', /500/);
  assert.not.match(JSON.stringify(status), 'hunter2');
  assert.equal(await statesOf(job.jobId), [running, failed]);
  assert.equal(await containersOf((await lab.get('refused')).metadata.uid), []);
});

test('data that is still in a pipe when the target exits is not lost', async () => {
  const chunks: Buffer[] = [];
  await using sink = await HttpSink.start((request, response) => {
    const takeSlowly = async () => {
      for await (const chunk of request as AsyncIterable<Buffer>) {
        chunks.push(chunk);
        await sleep(10);
      }
      response.end();
    };
    void takeSlowly();
  });
  const script = `
    dd if=/dev/urandom of=$2/x bs=64k count=256 2>/dev/null
    sha256sum < $2/x
    exec cat $2/x > $1`;
  await lab.run('drained', writing(script, postTo(sink.url)));
  await succeeds(lab, 'drained');
  assert.is((await lab.log('drained')).toString(), `${sha256(Buffer.concat(chunks))}  -\n`);
});

test('a grandchild that keeps an output pipe open does not delay the end of the run', async () => {
  await lab.run('grandchild', writing('sleep 600 3> $1 & echo first > $1; exit 0'));
  const status = await succeeds(lab, 'grandchild');
  assert.is((await lab.log('grandchild')).toString(), 'first\n');
  assert.ok((await workerEndedAt(lab, status)) - Date.parse(status.target?.finishedAt ?? '') < soonMs);
});

test('a process of the node that keeps an output pipe open delays the end only briefly', async () => {
  using directory = ScratchDirectory.mountable();
  await lab.run('outsider', {
    command: ['sh', '-c', 'while [ ! -e /data/go ]; do sleep 0.1; done'],
    volumes: [{ name: 'data', bindMount: { hostPath: directory.path, containerPath: '/data', mode: 'rw' } }],
    transforms: [
      {
        name: 'out',
        connect: {
          input: { namedOutputPipe: { name: 'out', volume: 'data' } },
          output: { hostStdOut: {} },
        },
      },
    ],
  });
  await lab.running('outsider');
  await using outsider = await open(join(directory.path, 'out'), 'w');
  await outsider.write('from outside\n');
  await writeFile(join(directory.path, 'go'), '');
  const status = await succeeds(lab, 'outsider');
  assert.is((await lab.log('outsider')).toString(), 'from outside\n');
  assert.ok((await workerEndedAt(lab, status)) - Date.parse(status.target?.finishedAt ?? '') < soonMs);
});

test('two pipes with the same name are rejected with a message that names both', async () => {
  const { transforms, ...spec } = writing('true');
  const [first] = transforms as Manifest[];
  const refusal = await lab.refusal('twice', { ...spec, transforms: [first, { ...first, name: 'other' }] });
  assert.match(refusal, /other.*\bout already uses temporaryVolume: out/);
});

test.run();
