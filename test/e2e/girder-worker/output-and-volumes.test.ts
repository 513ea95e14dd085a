import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { logOf, statesOf } from '../support/girder-job.ts';
import { Lab } from '../support/runs.ts';
import { concurrentTest } from '../support/concurrent-tests.ts';
import { applyWithJob, failed, running, successfulLog } from '../support/job-run.ts';
import { ScratchDirectory } from '../../fixtures/scratch-directory.ts';
import { girderWorkerTestImage } from '../support/test-image.ts';

/** Cases of Girder Worker's own integration suite about output, volumes and exit codes. */

const contents = 'Read me, and read me to my end.\nI have a second line.\n';
const test = concurrentTest();
let lab: Lab;
let image: string;
let fixtures: ScratchDirectory;

test.before(async () => {
  lab = await Lab.open('gw-output');
  image = await girderWorkerTestImage();
  fixtures = ScratchDirectory.mountable();
  await writeFile(join(fixtures.path, 'read.txt'), contents);
});
test.after(async () => {
  await lab?.close();
  fixtures?.[Symbol.dispose]();
});

test('test_docker_run: the output is the log of the job', async () => {
  const log = await successfulLog(lab, 'docker-run', { image, args: ['stdio', '-m', 'hello docker!'] });
  assert.is(log, 'hello docker!\n');
});

test('StdErrStdOut: both outputs are in the log of the job', async () => {
  const log = await successfulLog(lab, 'stdout-stderr', { image, args: ['stdout_stderr'] });
  assert.equal(log.split('\n').sort(), ['', 'this is stderr data', 'this is stdout data']);
});

test('test_docker_run_volumes[dict]: a directory of the node as docker-py mounts it', async () => {
  const log = await successfulLog(lab, 'volumes-dict', {
    image,
    args: ['read', '-p', '/mnt/test/read.txt'],
    dockerVolumes: { [fixtures.path]: { bind: '/mnt/test', mode: 'ro' } },
  });
  assert.is(log.slice(0, -1), contents);
});

test('test_docker_run_volumes[idiomatic]: a BindMountVolume and a VolumePath in it', async () => {
  const log = await successfulLog(lab, 'volumes-idiomatic', {
    image,
    args: ['read', '-p', '$(file)'],
    volumes: [
      {
        name: 'volume',
        bindMount: { hostPath: fixtures.path, containerPath: '/mnt/test/read.txt', mode: 'ro' },
      },
    ],
    transforms: [{ name: 'file', volumePath: { filename: 'read.txt', volume: 'volume' } }],
  });
  assert.is(log.slice(0, -1), contents);
});

test('test_docker_run_temporary_volume_root: a temporary volume in a directory of the node', async () => {
  const hostDir = join(fixtures.path, 'prefix');
  const log = await successfulLog(lab, 'temporary-volume-root', {
    image,
    args: ['print-path', '-p', '$(volume)'],
    volumes: [{ name: 'volume', temporary: { hostDir } }],
  });
  assert.match(log, /^\/mnt\/girder_worker\/\S+\n$/);
  assert.equal(await readdir(hostDir), [], 'the directory stays, and what was made in it does not');
});

test('test_docker_run_bad_exit_code: a target that fails sets the job to ERROR with its exit code', async () => {
  const { job } = await applyWithJob(lab, 'bad-exit-code', { image, args: ['raise-exception'] });
  const status = await lab.ended('bad-exit-code');
  assert.is(status.reason, 'TargetFailed', status.message);
  assert.is(status.target?.exitCode, 1);
  assert.equal(await statesOf(job.jobId), [running, failed]);
  const log = await logOf(job.jobId);
  assert.match(log, 'girder docker exception');
  assert.match(log, /the target ended with exit code 1/i);
});

test.run();
