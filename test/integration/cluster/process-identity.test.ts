import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { identify, isAlive } from '../../cluster/supervise/process-identity.ts';
import { until } from '../../fixtures/until.ts';

/** Ends the first thread of a process while another one runs: the moment in which a killed process is found. */
const firstThreadEnds = `
import ctypes, platform, threading, time
threading.Thread(target=time.sleep, args=(60,)).start()
ctypes.CDLL(None).syscall({'x86_64': 60, 'aarch64': 93}[platform.machine()], 0)
`;

const stateOf = (pid: number) => /\) (\w)/.exec(readFileSync(`/proc/${pid}/stat`, 'utf8'))?.[1];

test('a process is alive until its last thread has ended', async () => {
  const child = spawn('python3', ['-c', firstThreadEnds], { stdio: 'ignore' });
  const { pid = 0 } = child;
  try {
    const identity = identify(pid);
    if (identity === undefined) throw new Error('python3 did not start');
    await until('the first thread has ended', () => stateOf(pid), { holds: (state) => state === 'Z' });
    assert.ok(isAlive(identity));
    child.kill('SIGKILL');
    await until('the process is dead', () => isAlive(identity), { holds: (alive) => !alive });
  } finally {
    child.kill('SIGKILL');
  }
});

test.run();
