import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { bigFile, throughPipe } from './support/big-file.ts';
import { Lab } from './support/runs.ts';
import { workerPid } from './support/worker-process.ts';

const mebibyte = 2 ** 20;
const size = 5 * 1024 * mebibyte;
/** The most memory that the worker may use at any time, in bytes. */
const maxResident = 96 * mebibyte;

/** As fast as the target can hash. */
const fast = 'sha256sum < $(live)';
/** 64 MiB at a time with a pause after each; at the end, no byte may be left. */
const slow = `exec 3< $(live); i=0
  while [ $i -lt 80 ]; do
    dd bs=1M count=64 iflag=fullblock <&3 2>/dev/null; usleep 700000; i=$((i+1))
  done | sha256sum; wc -c <&3`;

/** The peak memory of a process so far, in bytes; undefined when it has ended. */
async function peak(pid: number): Promise<number | undefined> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  const kibibytes = /^VmHWM:\s+(\d+) kB/m.exec(status)?.[1];
  return kibibytes === undefined ? undefined : Number(kibibytes) * 1024;
}

test('the worker streams 5 GiB unchanged to a fast and to a slow reader with less than 96 MiB of memory', async () => {
  const lab = await Lab.open('big-stream');
  const file = await bigFile(size);
  const stream = (script: string) => ({ command: ['sh', '-c'], args: [script], ...throughPipe(file) });
  try {
    await lab.run('fast', stream(fast));
    await lab.run('slow', stream(slow));
    const peaks = await Promise.all(['fast', 'slow'].map((name) => peakOf(lab, name)));
    for (const name of ['fast', 'slow']) {
      assert.is((await lab.ended(name, 600)).phase, 'Succeeded');
      assert.match(await lab.output(name), new RegExp(`^${file.sha256} `));
    }
    assert.match(await lab.output('slow'), /\n0\n$/);
    const megabytes = peaks.map((bytes) => Math.round(bytes / mebibyte));
    console.log(`  peak memory of the workers: ${megabytes.join(' and ')} MiB`);
    assert.ok(
      peaks.every((bytes) => bytes > 0 && bytes < maxResident),
      `${megabytes.join(' and ')} MiB`,
    );
  } finally {
    await file.remove();
    await lab.close();
  }
});

/** Samples the memory of the worker of a run until it ends; returns the peak in bytes. */
async function peakOf(lab: Lab, name: string): Promise<number> {
  const { status } = await lab.running(name);
  const pid = await workerPid(lab, status.podName ?? '');
  let most = 0;
  for (let now = await peak(pid); now !== undefined; now = await peak(pid)) {
    most = now;
    await sleep(200);
  }
  return most;
}

test.run();
