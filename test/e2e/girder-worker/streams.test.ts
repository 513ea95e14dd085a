import { readdir } from 'node:fs/promises';
import * as assert from 'uvu/assert';
import { aFile, session } from '../support/girder.ts';
import { statesOf, storedJob } from '../support/girder-job.ts';
import { Lab, type Manifest } from '../support/runs.ts';
import { concurrentTest } from '../support/concurrent-tests.ts';
import { HttpSink } from '../support/http-sink.ts';
import { applyWithJob, running, succeeded, succeeds, successfulLog } from '../support/job-run.ts';
import { ScratchDirectory } from '../../fixtures/scratch-directory.ts';
import { girderWorkerTestImage } from '../support/test-image.ts';

/** Cases of Girder Worker's own integration suite about streams. */

/** The size in the original: more than three of its buffers. */
const contents = 'abc'.repeat(65546);
const fewestChunks = 4;
const test = concurrentTest();
let lab: Lab;
let image: string;
let fileId: string;
let directory: ScratchDirectory;

test.before(async () => {
  lab = await Lab.open('gw-streams');
  image = await girderWorkerTestImage();
  fileId = await aFile('test_file', Buffer.from(contents));
  directory = ScratchDirectory.mountable();
});
test.after(async () => {
  await lab?.close();
  directory?.[Symbol.dispose]();
});

/** The directory of the node where the original creates its pipes. */
const dataVolume = (): Manifest => ({
  name: 'data',
  bindMount: { hostPath: directory.path, containerPath: '/mnt/girder_worker/data', mode: 'rw' },
});

test('test_docker_run_named_pipe_output: data that is written to a pipe is in the log', async () => {
  const log = await successfulLog(lab, 'named-pipe-output', {
    image,
    args: ['write', '-p', '$(pipe)', '-m', 'Dydh da'],
    volumes: [dataVolume()],
    transforms: [
      {
        name: 'pipe',
        connect: {
          input: { namedOutputPipe: { name: 'output_pipe', volume: 'data' } },
          output: { hostStdOut: {} },
        },
      },
    ],
  });
  assert.is(log, 'Dydh da');
  assert.not((await readdir(directory.path)).includes('output_pipe'));
});

for (const volume of ['data', 'temporaryVolume']) {
  const original =
    volume === 'data'
      ? 'test_docker_run_girder_file_to_named_pipe'
      : 'test_docker_run_girder_file[named_pipe_on_temp_vol]';
  test(`${original}: a file of Girder is read from a pipe`, async () => {
    const log = await successfulLog(lab, `file-to-pipe-${volume.toLowerCase()}`, {
      image,
      args: ['read', '-p', '$(pipe)'],
      volumes: volume === 'data' ? [dataVolume()] : [],
      transforms: [
        {
          name: 'pipe',
          connect: {
            input: { girderFileIdToStream: { fileId } },
            output: { namedInputPipe: { name: 'input_pipe', volume } },
          },
        },
      ],
    });
    assert.is(log.length, contents.length + 1);
    assert.ok(log === `${contents}\n`);
  });
}

test('test_docker_run_progress_pipe: the job shows the latest progress', async () => {
  const progressions = [
    { message: 'Are there yet?', total: 100, current: 10 },
    { message: 'How about now?', total: 100, current: 20 },
    { message: 'Halfway there!', total: 100, current: 50 },
    { message: 'We have arrived!', total: 100, current: 100 },
  ];
  const { job } = await applyWithJob(lab, 'progress-pipe', {
    image,
    args: ['progress', '-p', '$(progress)', '--progressions', JSON.stringify(progressions)],
    transforms: [{ name: 'progress', progressPipe: {} }],
  });
  await succeeds(lab, 'progress-pipe');
  assert.equal(await statesOf(job.jobId), [running, succeeded]);
  assert.equal((await storedJob(job.jobId)).progress, progressions.at(-1));
});

test('test_docker_run_transfer_encoding_stream: a pipe goes to a server in chunks', async () => {
  await using sink = await HttpSink.start();
  await successfulLog(lab, 'transfer-encoding', {
    image,
    args: ['read-write', '-i', '$(in)', '-o', '$(out)'],
    transforms: [
      { name: 'in', girderFileIdToVolume: { fileId } },
      {
        name: 'out',
        connect: {
          input: { namedOutputPipe: { name: 'out' } },
          output: {
            chunkedTransferEncodingStream: {
              url: `${sink.url}/input_stream?itemId=1`,
              headers: [{ name: 'Girder-Token', value: await session() }],
            },
          },
        },
      },
    ],
  });
  assert.is(sink.received.length, 1);
  const [received] = sink.received;
  assert.is(received?.headers['transfer-encoding'], 'chunked');
  assert.is(received?.headers['girder-token'], await session());
  assert.ok(received?.isComplete);
  assert.ok((received?.chunks.length ?? 0) >= fewestChunks, `${received?.chunks.length} chunks`);
  assert.ok(sink.bytesOf('/input_stream?itemId=1').toString() === contents);
});

test.run();
